import type { Asr, Turns } from "@podcast/corpus";
import { type Span, sentences } from "../text/sentences.ts";
import type { TimedText, TimedWord } from "../text/timed-text.ts";

/** A piece of text that one voice says; UTF-16 units. */
export interface VoicedSpan extends Span {
  voice: string;
}

/** Words of one voice in a row that may stand inside a sentence of another: fewer is a slip of the clock. */
const RUN_WORDS = 4;

/**
 * Who says what. A published speaker counts; else each word goes to the turn that it falls into, and a sentence stays
 * whole with the voice that says most of it, unless the voice changes inside it for good.
 */
export function attribute(timed: TimedText, asr: Asr, turns: Turns | undefined): VoicedSpan[] {
  const named = timed.segments.some((segment) => segment.speaker !== undefined);
  const spans: VoicedSpan[] = [];
  if (named || turns === undefined || turns.turns.length === 0) {
    let group: VoicedSpan | undefined;
    const flush = () => {
      if (group) spans.push(...split(timed, group, asr.language));
    };
    for (const segment of timed.segments) {
      const voice = segment.speaker ?? "v1";
      // Segments of a published transcript are its paragraphs: a voice's sentences may run over several.
      if (group?.voice === voice) group.end = segment.end;
      else {
        flush();
        group = { start: segment.start, end: segment.end, voice };
      }
    }
    flush();
    return spans;
  }
  const words = timed.words;
  const voices = words.map((word) => voiceAt((word.startMs + word.endMs) / 2, turns));
  let position = 0;
  for (const sentence of sentences(timed.text, asr.language)) {
    const inside: number[] = [];
    while (position < words.length && (words[position] as TimedWord).start < sentence.end) inside.push(position++);
    spans.push(...runs(sentence, inside, words, voices));
  }
  return spans;
}

function split(timed: TimedText, group: VoicedSpan, language: string): VoicedSpan[] {
  return sentences(timed.text.slice(group.start, group.end), language).map(({ start, end }) => ({
    start: start + group.start,
    end: end + group.start,
    voice: group.voice,
  }));
}

function runs(
  sentence: Span,
  inside: readonly number[],
  words: readonly TimedWord[],
  voices: readonly string[],
): VoicedSpan[] {
  const pieces: { voice: string; from: number; count: number }[] = [];
  for (const index of inside) {
    const last = pieces.at(-1);
    if (last !== undefined && last.voice === voices[index]) last.count++;
    else pieces.push({ voice: voices[index] as string, from: index, count: 1 });
  }
  const lasting = pieces.filter((piece) => piece.count >= RUN_WORDS);
  if (new Set(lasting.map((piece) => piece.voice)).size <= 1) {
    const weight = new Map<string, number>();
    for (const piece of pieces) weight.set(piece.voice, (weight.get(piece.voice) ?? 0) + piece.count);
    const voice = [...weight].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "v1";
    return [{ ...sentence, voice }];
  }
  const spans: VoicedSpan[] = [];
  for (const piece of lasting) {
    const start = spans.length === 0 ? sentence.start : (words[piece.from] as TimedWord).start;
    const last = spans.at(-1);
    if (last?.voice === piece.voice) continue;
    if (last !== undefined) last.end = trimEnd(words, start);
    spans.push({ start, end: sentence.end, voice: piece.voice });
  }
  return spans;
}

/** End of the word before this start. */
function trimEnd(words: readonly TimedWord[], start: number): number {
  let end = start;
  for (const word of words) {
    if (word.start >= start) break;
    end = word.end;
  }
  return end;
}

function voiceAt(ms: number, turns: Turns): string {
  let best = "v1";
  let distance = Number.POSITIVE_INFINITY;
  for (const turn of turns.turns) {
    const away = ms < turn.start_ms ? turn.start_ms - ms : ms > turn.end_ms ? ms - turn.end_ms : 0;
    if (away < distance) {
      distance = away;
      best = turn.voice;
    }
    if (turn.start_ms > ms + distance) break;
  }
  return best;
}
