import { Pcm } from "../audio/pcm.ts";
import { serve } from "../process/serve.ts";
import { type Diarization, type DiarizeOptions, diarize } from "./diarize.ts";

export interface DiarizationRequest extends DiarizeOptions {
  /** 16 kHz mono WAV. */
  wav: string;
}

serve<DiarizationRequest, Diarization>(async ({ wav, ...options }, progress) => {
  const pcm = await Pcm.open(wav);
  try {
    return await diarize(pcm, options, progress);
  } finally {
    await pcm.close();
  }
});
