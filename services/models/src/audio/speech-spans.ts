import type { SpeechSpan } from "../transcription/windows.ts";

export interface SpanOptions {
  /** Length of one frame, ms. */
  frameMs: number;
  /** Probability above which speech begins, and below which it ends. */
  onset: number;
  offset: number;
  /** Pauses shorter than this do not end a span, ms. */
  minPauseMs: number;
  /** Spans shorter than this are no speech, ms. */
  minSpeechMs: number;
}

/** Spans of speech from one probability a frame, with hysteresis. */
export function spansFrom(probability: ArrayLike<number>, options: SpanOptions): SpeechSpan[] {
  const spans: SpeechSpan[] = [];
  let start = -1;
  let quiet = 0;
  const close = (frame: number) => {
    const end = frame - quiet;
    if ((end - start) * options.frameMs >= options.minSpeechMs)
      spans.push({ startMs: Math.round(start * options.frameMs), endMs: Math.round(end * options.frameMs) });
    start = -1;
    quiet = 0;
  };
  for (let frame = 0; frame < probability.length; frame++) {
    const p = probability[frame] as number;
    if (start < 0) {
      if (p >= options.onset) start = frame;
      continue;
    }
    quiet = p < options.offset ? quiet + 1 : 0;
    if (quiet * options.frameMs >= options.minPauseMs) close(frame + 1);
  }
  if (start >= 0) close(probability.length);
  return spans;
}
