import ort from "onnxruntime-node";
import { serve } from "../process/serve.ts";
import type { SpeechSpan } from "../transcription/windows.ts";
import { Pcm, SAMPLE_RATE } from "./pcm.ts";
import { spansFrom } from "./speech-spans.ts";

export interface VadRequest {
  wav: string;
  /** Silero v5 ONNX; the energy of the signal decides when absent. */
  model: string | undefined;
}

/** Samples that Silero v5 takes at once, and those of the block before that it wants to see again. */
const BLOCK = 512;
const CONTEXT = 64;
const READ = SAMPLE_RATE * 60;
/** Energy frames: 30 ms. */
const ENERGY_BLOCK = 480;

serve<VadRequest, SpeechSpan[]>(async ({ wav, model }, progress) => {
  const pcm = await Pcm.open(wav);
  try {
    return model === undefined ? await byEnergy(pcm) : await bySilero(pcm, model, progress);
  } finally {
    await pcm.close();
  }
});

async function bySilero(pcm: Pcm, model: string, progress: (share: number) => void): Promise<SpeechSpan[]> {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  let state = new ort.Tensor("float32", new Float32Array(2 * 128), [2, 1, 128]);
  const rate = new ort.Tensor("int64", BigInt64Array.from([BigInt(SAMPLE_RATE)]), []);
  const probability: number[] = [];
  let context = new Float32Array(CONTEXT);
  for (let at = 0; at < pcm.samples; at += READ) {
    const samples = await pcm.read(at, at + READ);
    for (let from = 0; from < samples.length; from += BLOCK) {
      const block = new Float32Array(CONTEXT + BLOCK);
      block.set(context);
      block.set(samples.subarray(from, from + BLOCK), CONTEXT);
      const result = await session.run({ input: new ort.Tensor("float32", block, [1, block.length]), state, sr: rate });
      state = (result.stateN ?? state) as typeof state;
      probability.push((result.output?.data as Float32Array | undefined)?.[0] ?? 0);
      context = block.slice(BLOCK);
    }
    progress(Math.min(1, (at + READ) / pcm.samples));
  }
  await session.release();
  return spansFrom(probability, {
    frameMs: (BLOCK / SAMPLE_RATE) * 1000,
    onset: 0.5,
    offset: 0.35,
    minPauseMs: 250,
    minSpeechMs: 200,
  });
}

/** Louder than the quiet tenth of the recording by 9 dB, and not near silence. */
async function byEnergy(pcm: Pcm): Promise<SpeechSpan[]> {
  const level: number[] = [];
  for (let at = 0; at < pcm.samples; at += READ) {
    const samples = await pcm.read(at, at + READ);
    for (let from = 0; from + ENERGY_BLOCK <= samples.length; from += ENERGY_BLOCK) {
      let sum = 0;
      for (let i = from; i < from + ENERGY_BLOCK; i++) sum += (samples[i] as number) ** 2;
      level.push(10 * Math.log10(sum / ENERGY_BLOCK + 1e-10));
    }
  }
  const sorted = [...level].sort((a, b) => a - b);
  const floor = Math.max(-75, sorted[Math.floor(sorted.length * 0.1)] ?? -75);
  const threshold = Math.min(-30, Math.max(-55, floor + 9));
  const loud = level.map((value) => (value > threshold ? 1 : 0));
  return spansFrom(loud, {
    frameMs: (ENERGY_BLOCK / SAMPLE_RATE) * 1000,
    onset: 0.5,
    offset: 0.5,
    minPauseMs: 300,
    minSpeechMs: 200,
  });
}
