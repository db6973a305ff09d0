import type { Transcript } from "@podcast/corpus";
import { CodePoints } from "@podcast/corpus";
import type { Statement } from "../insight/statement.ts";

/** A finished transcript as the text stages read it. */
export interface TalkText {
  text: string;
  points: CodePoints;
  transcript: Transcript;
  /** Sentences of the talk, without adverts. */
  statements: TalkStatement[];
}

export interface TalkStatement extends Statement {
  /** Id of the transcript's segment. */
  segment: number;
  startMs: number;
  endMs: number;
}

/** Sentences outside the given cuts (code points), with their times. */
export function talkText(
  transcript: Transcript,
  text: string,
  cuts: readonly { char_start: number; char_end: number }[],
): TalkText {
  const points = new CodePoints(text);
  const statements = transcript.segments
    .filter(
      (segment) =>
        segment.voice_type !== "advert" &&
        !cuts.some((cut) => cut.char_start < segment.char_end && cut.char_end > segment.char_start),
    )
    .map((segment): TalkStatement => {
      return {
        segment: segment.id,
        start: points.toUnit(segment.char_start),
        end: points.toUnit(segment.char_end),
        text: segment.text,
        speaker: segment.speaker,
        startMs: segment.start_ms,
        endMs: segment.end_ms,
        position: segment.char_start / Math.max(1, transcript.length),
      };
    });
  return { text, points, transcript, statements };
}
