import { type Asr, CodePoints, type Word } from "@podcast/corpus";

/** A stretch of the transcript with one source segment, UTF-16 units. */
export interface TimedSegment {
  start: number;
  end: number;
  startMs: number;
  endMs: number;
  speaker: string | undefined;
  words: TimedWord[];
}

export interface TimedWord {
  start: number;
  end: number;
  startMs: number;
  endMs: number;
  p: number;
}

/**
 * The text of a transcript with a time for each character. One space stands between segments; where the speaker
 * changes it becomes a line break, so offsets never move.
 */
export class TimedText {
  readonly text: string;
  readonly points: CodePoints;
  readonly segments: TimedSegment[];
  readonly durationMs: number;

  constructor(asr: Asr) {
    let text = "";
    this.segments = [];
    for (const segment of asr.segments) {
      const said = segment.text.replace(/\s+/g, " ").trim().toWellFormed();
      if (said === "") continue;
      if (text !== "") text += " ";
      const start = text.length;
      text += said;
      this.segments.push({
        start,
        end: text.length,
        startMs: segment.start_ms,
        endMs: Math.max(segment.end_ms, segment.start_ms),
        speaker: segment.speaker,
        words: placeWords(said, start, segment.start_ms, segment.end_ms, segment.words),
      });
    }
    this.text = text;
    this.points = new CodePoints(text);
    this.durationMs = asr.duration_ms;
  }

  /** When the character at a UTF-16 index is said. */
  timeAt(index: number): number {
    const segment = this.segmentAt(index);
    if (segment === undefined) return 0;
    const words = segment.words;
    let low = 0;
    let high = words.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((words[middle] as TimedWord).start <= index) low = middle;
      else high = middle - 1;
    }
    const word = words[low];
    if (word === undefined) return segment.startMs;
    const share = Math.min(1, Math.max(0, (index - word.start) / Math.max(1, word.end - word.start)));
    return Math.round(word.startMs + share * (word.endMs - word.startMs));
  }

  segmentAt(index: number): TimedSegment | undefined {
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle] as TimedSegment).start <= index) low = middle;
      else high = middle - 1;
    }
    return this.segments[low];
  }

  get words(): TimedWord[] {
    return this.segments.flatMap((segment) => segment.words);
  }
}

/** Finds each timed word in the text; what has no times of its own gets them by position. */
function placeWords(
  text: string,
  offset: number,
  startMs: number,
  endMs: number,
  timed: readonly Word[] | undefined,
): TimedWord[] {
  const words: TimedWord[] = [];
  let from = 0;
  for (const word of timed ?? []) {
    const at = text.indexOf(word.text, from);
    if (at < 0 || at - from > 40) continue;
    words.push({
      start: offset + at,
      end: offset + at + word.text.length,
      startMs: word.start_ms,
      endMs: word.end_ms,
      p: word.p,
    });
    from = at + word.text.length;
  }
  if (words.length > 0) return increasing(words);
  const length = Math.max(1, text.length);
  return [...text.matchAll(/\S+/g)].map((match) => ({
    start: offset + match.index,
    end: offset + match.index + match[0].length,
    startMs: Math.round(startMs + ((endMs - startMs) * match.index) / length),
    endMs: Math.round(startMs + ((endMs - startMs) * (match.index + match[0].length)) / length),
    p: 1,
  }));
}

function increasing(words: TimedWord[]): TimedWord[] {
  let last = 0;
  for (const word of words) {
    word.startMs = Math.max(last, word.startMs);
    word.endMs = Math.max(word.startMs, word.endMs);
    last = word.startMs;
  }
  return words;
}
