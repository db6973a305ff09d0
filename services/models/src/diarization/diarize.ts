import { createRequire } from "node:module";
import { AppError } from "@podcast/base";
import { type Pcm, SAMPLE_RATE } from "../audio/pcm.ts";
import { clusterVoices, normalise, type VoiceItem } from "./clustering.ts";
import { mergeWindows, type SpeakerTurn, turnsFromTimeline } from "./reconstruct.ts";
import {
  FRAME_SHIFT,
  frameCentre,
  LOCAL_SPEAKERS,
  SegmentationModel,
  type SegmentationWindow,
  WINDOW_FRAMES,
  WINDOW_SAMPLES,
} from "./segmentation.ts";

export interface DiarizeOptions {
  segmentationModel: string;
  embeddingModel: string;
  threads: number;
  /** Number of voices, where somebody knows it. */
  speakers?: number | undefined;
}

export interface Diarization {
  turns: SpeakerTurn[];
  /** Who speaks when without the floor held over pauses: where there is speech at all. */
  speech: SpeakerTurn[];
  speakers: number;
  /** Similarity at which voices counted as one. */
  threshold: number;
}

/** Samples from one window to the next: each moment is heard by four windows. */
const HOP = 40_000;
/** Speech that shapes a cluster; shorter pieces are only assigned. Seconds. */
const ANCHOR_SECONDS = 1.2;
/** Less than this gives no usable voice print. Seconds. */
const MIN_SECONDS = 0.25;
const HOLD_MS = 1000;

/**
 * Tells voices apart: local activity in overlapping windows (pyannote segmentation-3.0), one voice print (CAM++) for
 * each local voice from the frames where it speaks alone, clustering over the recording, then a vote of all windows
 * on each frame. Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023, is the model for the
 * shape; the clustering is our own (see clustering.ts).
 */
export async function diarize(
  pcm: Pcm,
  options: DiarizeOptions,
  onProgress: (share: number) => void = () => {},
): Promise<Diarization> {
  const segmentation = await SegmentationModel.load(options.segmentationModel, options.threads);
  const voicePrint = loadEmbedding(options.embeddingModel, options.threads);
  const windows: SegmentationWindow[] = [];
  const items: VoiceItem[] = [];
  try {
    for (let start = 0; start === 0 || start + WINDOW_SAMPLES - HOP < pcm.samples; start += HOP) {
      const samples = await pcm.read(start, start + WINDOW_SAMPLES);
      const window = await segmentation.run(samples, start);
      for (let local = 0; local < LOCAL_SPEAKERS; local++) {
        const alone = framesAlone(window, local, samples.length);
        const seconds = (alone.length * FRAME_SHIFT) / SAMPLE_RATE;
        if (seconds < MIN_SECONDS) continue;
        items.push({ window: windows.length, local, seconds, embedding: voicePrint(gather(samples, alone)) });
      }
      windows.push(window);
      onProgress(Math.min(1, (start + HOP) / pcm.samples));
    }
  } finally {
    await segmentation.close();
  }
  const clusters = clusterVoices(items, {
    minSeconds: ANCHOR_SECONDS,
    independentWindows: Math.ceil(WINDOW_SAMPLES / HOP),
    speakers: options.speakers,
  });
  const label = new Map(
    items.map((item, position) => [item.window * LOCAL_SPEAKERS + item.local, clusters.labels[position] as number]),
  );
  const timeline = mergeWindows(
    windows,
    (window, local) => label.get(window * LOCAL_SPEAKERS + local) ?? -1,
    Math.max(1, clusters.centroids.length),
    pcm.samples,
  );
  const turns = turnsFromTimeline(timeline, pcm.durationMs, { holdMs: HOLD_MS, minTurnMs: 200 });
  const speech = turnsFromTimeline(timeline, pcm.durationMs, { holdMs: 0, minTurnMs: 100 });
  return { ...renumber(turns, speech), threshold: clusters.threshold };
}

/** Voices in order of first appearance, without those that no turn is left of. */
function renumber(turns: SpeakerTurn[], speech: SpeakerTurn[]): Omit<Diarization, "threshold"> {
  const order = new Map<number, number>();
  for (const { speaker } of turns) if (!order.has(speaker)) order.set(speaker, order.size);
  const rename = (list: SpeakerTurn[]) =>
    list.flatMap((turn) => (order.has(turn.speaker) ? [{ ...turn, speaker: order.get(turn.speaker) as number }] : []));
  return { turns: rename(turns), speech: rename(speech), speakers: order.size };
}

/** Frames in which this local voice is the only one; first samples of each. */
function framesAlone(window: SegmentationWindow, local: number, samples: number): number[] {
  const starts: number[] = [];
  for (let frame = 0; frame < WINDOW_FRAMES; frame++) {
    const start = frameCentre(frame) - (FRAME_SHIFT >> 1);
    if (window.classes[frame] === local + 1 && start + FRAME_SHIFT <= samples) starts.push(start);
  }
  return starts;
}

function gather(samples: Float32Array, starts: readonly number[]): Float32Array {
  const out = new Float32Array(starts.length * FRAME_SHIFT);
  for (const [position, start] of starts.entries())
    out.set(samples.subarray(start, start + FRAME_SHIFT), position * FRAME_SHIFT);
  return out;
}

interface Sherpa {
  SpeakerEmbeddingExtractor: new (config: {
    model: string;
    numThreads: number;
    debug: number;
  }) => {
    createStream(): {
      acceptWaveform(wave: { sampleRate: number; samples: Float32Array }): void;
      inputFinished(): void;
    };
    compute(stream: unknown, external: boolean): Float32Array;
  };
}

function loadEmbedding(model: string, threads: number): (samples: Float32Array) => Float32Array {
  let sherpa: Sherpa;
  try {
    sherpa = createRequire(import.meta.url)("sherpa-onnx-node") as Sherpa;
  } catch (error) {
    throw new AppError("PROGRAM_MISSING", "sherpa-onnx cannot be loaded on this machine.", {
      hint: "npm install, without --omit=optional.",
      cause: error,
    });
  }
  const extractor = new sherpa.SpeakerEmbeddingExtractor({ model, numThreads: threads, debug: 0 });
  return (samples) => {
    const stream = extractor.createStream();
    stream.acceptWaveform({ sampleRate: SAMPLE_RATE, samples });
    stream.inputFinished();
    return normalise(Float32Array.from(extractor.compute(stream, false)));
  };
}
