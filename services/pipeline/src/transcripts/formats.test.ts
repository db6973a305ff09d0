import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { importTranscript } from "./formats.ts";
import { clock, transcriptFormat } from "./imported.ts";
import { importedToAsr } from "./to-asr.ts";

const LINES = [
  { start: 0, end: 4, speaker: "Alice", text: "Welcome to the show & thanks for listening." },
  { start: 4, end: 9, speaker: "Bob Stone", text: "Glad to be here. Note: I never prepare." },
  { start: 9, end: 15, speaker: "Alice", text: "Let us begin." },
];
const stamp = (seconds: number, mark: string) => `00:00:${String(seconds).padStart(2, "0")}${mark}000`;
const ampersands = (text: string) => text.replace(/&/g, "&amp;");
const FORMS = {
  vtt: `WEBVTT\nKind: captions\nLanguage: en\n\nNOTE a comment\nof two lines\n\n${LINES.map((l) => `${stamp(l.start, ".")} --> ${stamp(l.end, ".")} align:start\n<v ${l.speaker}>${ampersands(l.text).replace(" ", "\n")}</v>`).join("\n\n")}\n`,
  srt: `${LINES.map((l, i) => `${i + 1}\r\n${stamp(l.start, ",")} --> ${stamp(l.end, ",")}\r\n${l.speaker}: ${l.text}`).join("\r\n\r\n")}\r\n`,
  json: JSON.stringify({
    version: "1.0.0",
    segments: LINES.map((l) => ({ speaker: l.speaker, startTime: l.start, endTime: l.end, body: l.text })),
  }),
  html: `<!DOCTYPE html><html lang="en"><head><title>x</title><script>evil()</script></head><body>${LINES.map((l) => `<cite>${l.speaker}:</cite><time>0:${String(l.start).padStart(2, "0")}</time><p>${ampersands(l.text)}</p>`).join("\n")}</body></html>`,
} as const;

describe("published transcripts", () => {
  it.each(Object.keys(FORMS) as (keyof typeof FORMS)[])("%s gives the same words, speakers and times", (format) => {
    const asr = importedToAsr(importTranscript(FORMS[format], format), 15_000, "https://x.example/t", "en");
    expect(asr.timed).toBe(true);
    expect(asr.segments).toEqual(
      LINES.map((l) => ({ start_ms: l.start * 1000, end_ms: l.end * 1000, speaker: l.speaker, text: l.text })),
    );
  });

  it("joins a transcript of single words into sentences without losing one", () => {
    const words = "It works. Every time".split(" ");
    const text = JSON.stringify({ segments: words.map((body, i) => ({ startTime: i, endTime: i + 1, body })) });
    expect(importTranscript(text, "json").segments).toEqual([
      { startMs: 0, endMs: 2000, text: "It works." },
      { startMs: 2000, endMs: 4000, text: "Every time" },
    ]);
  });

  it("takes headings, cast and marks of plain text for what they are", () => {
    const text =
      "# Show\nHost: Ann\n\n[00:00]\nAnn: Hello there.\nAnn: Rule one: never stop.\nBo: Right.\nBo: And so on.\n";
    expect(importTranscript(text, "text").segments.map((s) => [s.speaker, s.text])).toEqual([
      ["Ann", "Hello there."],
      ["Ann", "Rule one: never stop."],
      ["Bo", "Right."],
      ["Bo", "And so on."],
    ]);
    const asr = importedToAsr(importTranscript(text, "text"), 60_000, "u", "en");
    expect(asr.timed).toBe(false);
    expect(asr.segments.at(-1)?.end_ms).toBe(60_000);
  });

  it("trusts the content over a wrong label, and refuses what has no words", () => {
    expect(importTranscript(FORMS.vtt, "text").segments[0]?.speaker).toBe("Alice");
    expect(() => importTranscript("WEBVTT\n\n", "vtt")).toThrow(/no text|cannot be read/);
    expect(() => importTranscript('{"segments": 3}', "json")).toThrow(/no segments/);
  });

  it("never throws anything but our error on junk, and never times that run backwards", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(FORMS) as (keyof typeof FORMS)[])),
        fc.nat(300),
        fc.string({ unit: "binary" }),
        (format, at, junk) => {
          const body = FORMS[format];
          try {
            const asr = importedToAsr(
              importTranscript(body.slice(0, at) + junk + body.slice(at), format),
              15_000,
              "u",
              "en",
            );
            for (const segment of asr.segments) expect(segment.end_ms).toBeGreaterThanOrEqual(segment.start_ms);
          } catch (error) {
            expect((error as { code?: string }).code).toBe("TRANSCRIPT_UNREADABLE");
          }
        },
      ),
    );
  });
});

it.each([
  ["application/x-subrip", "https://x/y", "srt"],
  ["", "https://x/y.vtt?token=1", "vtt"],
  ["text/html; charset=utf-8", "https://x/y", "html"],
  ["application/pdf", "https://x/y.pdf", undefined],
])("format of %s at %s is %s", (type, url, expected) => expect(transcriptFormat(type, url)).toBe(expected));

it.each([
  ["1:02:03.5", 3_723_500],
  ["02:03,250", 123_250],
  ["62", 62_000],
  ["later", undefined],
])("clock %s is %s ms", (text, expected) => expect(clock(text)).toBe(expected));
