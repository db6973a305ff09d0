import type { Asr } from "@podcast/corpus";
import type { ImportedTranscript } from "./imported.ts";

/**
 * A published transcript as the artifact: every segment gets a start and an end. Where times are missing they are
 * spread over the episode by length of text, and `timed` says so.
 *
 * @param durationMs Length of the episode; undefined when nobody knows it: then speech at 15 characters a second.
 */
export function importedToAsr(
  imported: ImportedTranscript,
  durationMs: number | undefined,
  url: string,
  language: string,
): Asr {
  const { segments } = imported;
  const timed = segments.length > 0 && segments.every((segment) => segment.startMs !== undefined);
  const characters = segments.reduce((sum, segment) => sum + segment.text.length + 1, 0);
  const lastEnd = Math.max(0, ...segments.map((segment) => segment.endMs ?? segment.startMs ?? 0));
  const duration = Math.round(Math.max(durationMs ?? characters * 67, lastEnd));
  let spent = 0;
  const result = segments.map((segment, position) => {
    const from = (spent / characters) * duration;
    spent += segment.text.length + 1;
    const next = segments[position + 1]?.startMs;
    const start = timed ? (segment.startMs as number) : from;
    const end = timed ? Math.max(start, segment.endMs ?? next ?? duration) : (spent / characters) * duration;
    return {
      start_ms: Math.round(start),
      end_ms: Math.min(duration, Math.round(end)),
      text: segment.text,
      ...(segment.speaker === undefined ? {} : { speaker: segment.speaker }),
    };
  });
  return {
    schema: 1,
    source: { kind: "published", format: imported.format, url },
    language: imported.language?.slice(0, 2).toLowerCase() ?? language,
    timed,
    duration_ms: duration,
    segments: result,
    doubts: [],
  };
}
