import { join } from "node:path";
import { AppError } from "@podcast/base";
import { decodeToWav, probeAudio } from "../media/audio.ts";
import { readMediaSource } from "./media-download.ts";
import type { EpisodeContext, StageOutcome, StageRunner } from "./stage.ts";

const HOUR_MS = 3_600_000;

/** Decodes the audio to what the models hear. Nothing is cut out: times stay those of the original. */
export const audioPreprocessing: StageRunner = {
  name: "audio_preprocessing",
  async run(context, target): Promise<StageOutcome> {
    const { audio } = await readMediaSource(target);
    if (audio === undefined) return { state: "skipped", outputs: [], flags: ["no_audio_needed"] };
    const input = join(target.files.mediaDir, audio.file);
    const { durationMs } = await probeAudio(input, context.signal);
    const most = context.config["media.maxHours"];
    if (durationMs > most * HOUR_MS) {
      throw new AppError(
        "MEDIA_TOO_LONG",
        `The episode is ${(durationMs / HOUR_MS).toFixed(1)} h long; media.maxHours is ${most}.`,
        { hint: "Raise media.maxHours to process it." },
      );
    }
    const decoded = await decodeToWav(input, wavPath(target), { maxMs: most * HOUR_MS, signal: context.signal });
    const expected = Math.max(durationMs, target.episode.declared_duration_ms ?? 0);
    const flags =
      decoded.durationMs < durationMs * 0.9 - 2000 || decoded.durationMs < expected * 0.5 ? ["audio_truncated"] : [];
    return { state: "done", outputs: [], flags, metrics: { audio_seconds: decoded.durationMs / 1000 } };
  },
};

/** The decoded audio of an episode, while it is needed. */
export function wavPath(target: EpisodeContext): string {
  return join(target.files.mediaDir, "audio.wav");
}
