import type { DecodedSegment, DecodedWord } from "./engine.ts";
import { type SpeechSpan, speechSeconds } from "./windows.ts";

/** What one decoding of a stretch is worth. */
export interface Quality {
  /** Characters that are likely right: each word's length weighted by its probability, loops counted once. */
  likely: number;
  /** The same a second of speech. */
  rate: number;
  /** Mean probability of the words. */
  confidence: number;
  /** Words that belong to a loop: the decoder said the same again and again. */
  looped: number;
}

/** Rates a decoding without knowing the truth: skipping, guessing and looping all lower `likely`. */
export function rate(words: readonly DecodedWord[], spans: readonly SpeechSpan[]): Quality {
  const looped = loops(words);
  let likely = 0;
  let total = 0;
  for (const [position, word] of words.entries()) {
    total += word.p;
    if (!looped.has(position)) likely += lettersOf(word.text) * word.p;
  }
  return {
    likely,
    rate: likely / Math.max(0.5, speechSeconds(spans)),
    confidence: words.length === 0 ? 0 : total / words.length,
    looped: looped.size,
  };
}

/** A decoder that is caught in a loop may say a sentence of this many words again and again. */
const LONGEST_PHRASE = 40;

/** Positions of words that repeat the phrase before them for at least the third time in a row. */
export function loops(words: readonly DecodedWord[]): Set<number> {
  const looped = new Set<number>();
  const key = words.map((word) => word.text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ""));
  for (let length = 1; length <= LONGEST_PHRASE; length++) {
    for (let start = length; start + length <= key.length; start++) {
      let copies = 0;
      while (start + (copies + 1) * length <= key.length && same(key, start + copies * length, start - length, length))
        copies++;
      // "very, very" and "no, no, no" are speech; a phrase needs fewer copies than a word to be a loop.
      if (copies >= (length === 1 ? 4 : 2)) {
        for (let position = start; position < start + copies * length; position++) looped.add(position);
        start += copies * length - 1;
      }
    }
  }
  return looped;
}

function same(key: readonly string[], a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (key[a + i] !== key[b + i]) return false;
  return true;
}

function lettersOf(text: string): number {
  return text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
}

/** Longest time that a word plausibly takes. ms */
function plausible(word: DecodedWord): number {
  return 450 + 95 * Math.max(1, lettersOf(word.text));
}

/**
 * Speech without words: what is left of the spans when every word takes at most a plausible time. A decoder that
 * skips something stretches the word beside the gap over it.
 *
 * @returns Gaps of at least `minMs`, in order.
 */
export function gaps(segments: readonly DecodedSegment[], spans: readonly SpeechSpan[], minMs: number): SpeechSpan[] {
  const covered: { startMs: number; endMs: number }[] = [];
  for (const { words } of segments) {
    for (const [position, word] of words.entries()) {
      const most = plausible(word);
      if (word.endMs - word.startMs <= most) covered.push(word);
      // The first word of a segment is stretched backwards over what was skipped before it.
      else if (position === 0) covered.push({ startMs: word.endMs - most, endMs: word.endMs });
      else covered.push({ startMs: word.startMs, endMs: word.startMs + most });
    }
  }
  covered.sort((a, b) => a.startMs - b.startMs);
  return spans.flatMap((span) => {
    const found: SpeechSpan[] = [];
    let at = span.startMs;
    for (const { startMs, endMs } of [
      ...covered,
      { startMs: Number.POSITIVE_INFINITY, endMs: Number.POSITIVE_INFINITY },
    ]) {
      const until = Math.min(startMs, span.endMs);
      if (until - at >= minMs) found.push({ ...span, startMs: Math.round(at), endMs: Math.round(until) });
      at = Math.max(at, endMs);
      if (at >= span.endMs) break;
    }
    return found;
  });
}
