/** A stretch of speech, milliseconds; `voice` where diarization tells them apart. */
export interface SpeechSpan {
  startMs: number;
  endMs: number;
  voice?: number | undefined;
}

/** What is decoded at once: spans that fit into one look of the model. */
export interface DecodeWindow {
  startMs: number;
  endMs: number;
  spans: SpeechSpan[];
}

/** Whisper looks at 30 s; a margin keeps the last word whole. */
export const WINDOW_MS = 28_500;

/**
 * Packs speech into windows, cut where nobody speaks, best at a change of voice. A span that is longer than a window
 * is cut at even parts, which overlap is not needed for: the repair finds a word that was cut in two.
 */
export function packWindows(speech: readonly SpeechSpan[], windowMs = WINDOW_MS): DecodeWindow[] {
  const windows: DecodeWindow[] = [];
  for (const span of splitLong(speech, windowMs)) {
    const last = windows.at(-1);
    if (last !== undefined && span.endMs - last.startMs <= windowMs) {
      last.spans.push(span);
      last.endMs = Math.max(last.endMs, span.endMs);
    } else windows.push({ startMs: span.startMs, endMs: span.endMs, spans: [span] });
  }
  return windows;
}

/** Spans of one voice in a row, as windows of their own. */
export function windowsByVoice(window: DecodeWindow): DecodeWindow[] {
  const windows: DecodeWindow[] = [];
  for (const span of window.spans) {
    const last = windows.at(-1);
    if (last !== undefined && last.spans.at(-1)?.voice === span.voice) {
      last.spans.push(span);
      last.endMs = Math.max(last.endMs, span.endMs);
    } else windows.push({ startMs: span.startMs, endMs: span.endMs, spans: [span] });
  }
  return windows;
}

function splitLong(speech: readonly SpeechSpan[], windowMs: number): SpeechSpan[] {
  return speech.flatMap((span) => {
    const length = span.endMs - span.startMs;
    if (length <= windowMs) return [span];
    const parts = Math.ceil(length / windowMs);
    return Array.from({ length: parts }, (_, part) => ({
      startMs: Math.round(span.startMs + (length * part) / parts),
      endMs: Math.round(span.startMs + (length * (part + 1)) / parts),
      voice: span.voice,
    }));
  });
}

/** Seconds of a window in which somebody speaks; overlaps count once. */
export function speechSeconds(spans: readonly SpeechSpan[]): number {
  let total = 0;
  let until = 0;
  for (const span of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    const from = Math.max(until, span.startMs);
    if (span.endMs > from) total += span.endMs - from;
    until = Math.max(until, span.endMs);
  }
  return total / 1000;
}
