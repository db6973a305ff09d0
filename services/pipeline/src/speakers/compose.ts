import {
  type Asr,
  type Cuts,
  type Episode,
  pointCount,
  type Transcript,
  type TranscriptSegment,
  type Turns,
  type Voice,
} from "@podcast/corpus";
import { TimedText } from "../text/timed-text.ts";
import { attribute } from "./attribute.ts";
import { nameVoices } from "./name-voices.ts";

export interface ComposedTranscript {
  transcript: Transcript;
  /** Content of transcript.txt: the text that all offsets refer to. */
  text: string;
}

/** Joins words, voices, names and cuts into the transcript. Offsets of cuts stay valid: nothing moves. */
export function composeTranscript(
  asr: Asr,
  turns: Turns | undefined,
  cuts: Cuts | undefined,
  episode: Episode,
): ComposedTranscript {
  const timed = new TimedText(asr);
  const spans = attribute(timed, asr, turns);
  const cutAt = (start: number, end: number) =>
    (cuts?.cuts ?? []).some(
      (cut) => timed.points.toUnit(cut.char_start) < end && timed.points.toUnit(cut.char_end) > start,
    );
  const said = spans.map((span) => ({
    voice: span.voice,
    text: timed.text.slice(span.start, span.end),
    startMs: timed.timeAt(span.start),
    endMs: timed.timeAt(span.end),
    cut: cutAt(span.start, span.end),
  }));
  // Several people in one undivided voice: any single name would put words into somebody's mouth.
  const divided = turns !== undefined || timed.segments.some((segment) => segment.speaker !== undefined);
  const alone = new Set([...episode.people, ...episode.feed_people].map((person) => person.name)).size === 1;
  const voices = divided || alone ? nameVoices(said, episode) : undividedVoice(said);
  const ids = new Map(voices.map((voice, position) => [voice.id, `v${position + 1}`]));
  const types = new Map(voices.map((voice) => [voice.id, voice.type]));
  // A change of voice breaks the line: one sign for one, so that offsets stay.
  const units = timed.text.split("");
  for (const [position, span] of spans.entries()) {
    const before = spans[position - 1];
    if (before && before.voice !== span.voice && units[span.start - 1] === " ") units[span.start - 1] = "\n";
  }
  const text = units.join("");
  let last = 0;
  const segments = spans.map((span, id): TranscriptSegment => {
    const start = Math.max(last, timed.timeAt(span.start));
    const end = Math.max(start, Math.min(timed.durationMs, timed.timeAt(Math.max(span.start, span.end - 1))));
    last = start;
    const words =
      asr.source.kind === "published"
        ? undefined
        : timed.words.filter((word) => word.start >= span.start && word.end <= span.end);
    return {
      id,
      start_ms: start,
      end_ms: end,
      char_start: timed.points.toPoint(span.start),
      char_end: timed.points.toPoint(span.end),
      speaker: ids.get(span.voice) ?? "v1",
      voice_type: types.get(span.voice) ?? "unknown",
      text: timed.text.slice(span.start, span.end),
      ...(words === undefined
        ? {}
        : {
            words: words.map((word) => ({
              start_ms: word.startMs,
              end_ms: word.endMs,
              text: timed.text.slice(word.start, word.end),
              p: Math.round(word.p * 1000) / 1000,
            })),
          }),
    };
  });
  return {
    text,
    transcript: {
      schema: 1,
      language: asr.language,
      duration_ms: asr.duration_ms,
      timed: asr.timed,
      source: asr.source,
      voices: voices.map((voice): Voice => ({ ...voice, id: ids.get(voice.id) as string })),
      segments,
      length: pointCount(text),
    },
  };
}

function undividedVoice(said: readonly { voice: string; startMs: number; endMs: number }[]): Voice[] {
  const id = said[0]?.voice;
  if (id === undefined) return [];
  const seconds = said.reduce((sum, sentence) => sum + (sentence.endMs - sentence.startMs) / 1000, 0);
  return [{ id, type: "unknown", seconds: Math.round(seconds * 10) / 10, evidence: [] }];
}

/** The transcript as WebVTT with voices. */
export function toVtt(transcript: Transcript): string {
  const name = new Map(transcript.voices.map((voice) => [voice.id, voice.name ?? voice.id]));
  const cues = transcript.segments.map(
    (segment) =>
      `${stamp(segment.start_ms)} --> ${stamp(Math.max(segment.start_ms + 1, segment.end_ms))}\n<v ${escapeMarkup(name.get(segment.speaker) ?? segment.speaker)}>${escapeMarkup(segment.text)}`,
  );
  return `WEBVTT\n\n${cues.join("\n\n")}\n`;
}

function stamp(ms: number): string {
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${pad(Math.floor(ms / 3_600_000))}:${pad(Math.floor(ms / 60_000) % 60)}:${pad(Math.floor(ms / 1000) % 60)}.${pad(Math.round(ms) % 1000, 3)}`;
}

function escapeMarkup(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
