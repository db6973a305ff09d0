import type { Transcript } from "#lib/api/client.ts";

export interface Segment {
  id: number;
  startMs: number;
  endMs: number;
  text: string;
  charStart: number;
  charEnd: number;
}

/** What one voice says without a break: a paragraph of the transcript. */
export interface Turn {
  id: number;
  voice: string;
  name: string;
  kind: string;
  /** 1–6, for its colour; 0 for adverts. */
  colour: number;
  advert: boolean;
  startMs: number;
  endMs: number;
  segments: Segment[];
}

const COLOURS = 6;
const LONGEST = 700;
const PAUSE_MS = 2500;

/** Colour of each voice: those that speak most come first. */
export function voiceColours(transcript: Transcript): Map<string, number> {
  const voices = transcript.voices
    .filter((voice) => voice.type !== "advert")
    .sort((a, b) => b.seconds - a.seconds || a.id.localeCompare(b.id));
  return new Map(voices.map((voice, at) => [voice.id, (at % COLOURS) + 1]));
}

/** Paragraphs: cut where the voice changes, an advert begins or ends, and in long speech at a pause. */
export function turnsOf(transcript: Transcript): Turn[] {
  const colours = voiceColours(transcript);
  const voices = new Map(transcript.voices.map((voice) => [voice.id, voice]));
  const turns: Turn[] = [];
  let length = 0;
  for (const segment of transcript.segments) {
    const advert =
      segment.voice_type === "advert" ||
      transcript.cuts.some((cut) => segment.char_start < cut.char_end && segment.char_end > cut.char_start);
    const last = turns.at(-1);
    const pause = last !== undefined && segment.start_ms - last.endMs > PAUSE_MS;
    if (
      last === undefined ||
      last.voice !== segment.speaker ||
      last.advert !== advert ||
      (length > LONGEST && (pause || length > LONGEST * 1.5))
    ) {
      const voice = voices.get(segment.speaker);
      turns.push({
        id: segment.id,
        voice: segment.speaker,
        name: voice?.name ?? unnamed(segment.speaker),
        kind: voice?.type ?? "unknown",
        colour: advert ? 0 : (colours.get(segment.speaker) ?? 0),
        advert,
        startMs: segment.start_ms,
        endMs: segment.end_ms,
        segments: [],
      });
      length = 0;
    }
    const turn = turns.at(-1) as Turn;
    turn.segments.push({
      id: segment.id,
      startMs: segment.start_ms,
      endMs: segment.end_ms,
      text: segment.text,
      charStart: segment.char_start,
      charEnd: segment.char_end,
    });
    turn.endMs = segment.end_ms;
    length += segment.text.length;
  }
  return turns;
}

function unnamed(id: string): string {
  const number = /\d+/.exec(id)?.[0];
  return number ? `Voice ${number}` : id;
}

/** Index of the turn that is heard at a moment: the last that has begun. */
export function turnAt(turns: readonly Turn[], ms: number): number {
  let low = 0;
  let high = turns.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((turns[middle] as Turn).startMs <= ms) low = middle;
    else high = middle - 1;
  }
  return low;
}
