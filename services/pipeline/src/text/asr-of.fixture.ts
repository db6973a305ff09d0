import type { Asr } from "@podcast/corpus";

/** A published transcript of these lines, five seconds each: for tests. */
export const asrOf = (lines: [string | undefined, string][]): Asr => ({
  schema: 1,
  source: { kind: "published" },
  language: "en",
  timed: true,
  duration_ms: lines.length * 5000,
  segments: lines.map(([speaker, text], i) => ({
    start_ms: i * 5000,
    end_ms: i * 5000 + 4900,
    text,
    ...(speaker ? { speaker } : {}),
  })),
  doubts: [],
});
