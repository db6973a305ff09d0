import { describe, expect, test } from "vitest";
import type { Transcript } from "#lib/api/client.ts";
import { ago, bytes, clock, count, duration } from "./format.ts";
import { pieces } from "./highlight.ts";
import { withQuery } from "./query.ts";
import { turnAt, turnsOf } from "./turns.ts";

describe("figures", () => {
  test.each([
    [0, "0:00"],
    [754_000, "12:34"],
    [3_754_000, "1:02:34"],
    [-5, "0:00"],
  ])("clock(%i) is %s", (ms, text) => expect(clock(ms)).toBe(text));
  test.each([
    [47_000, "47 s"],
    [2_280_000, "38 min"],
    [3_600_000, "1 h"],
    [4_320_000, "1 h 12 min"],
  ])("duration(%i) is %s", (ms, text) => expect(duration(ms)).toBe(text));
  test.each([
    [999, "999 B"],
    [1600, "1.6 kB"],
    [32_166_756, "32 MB"],
    [1_600_000_000, "1.6 GB"],
  ])("bytes(%i) is %s", (value, text) => expect(bytes(value)).toBe(text));
  test("one is one, and many are many", () => {
    expect(count(1, "episode")).toBe("1 episode");
    expect(count(10_000, "episode")).toBe("10,000 episodes");
  });
  test("times near now are told as a distance", () => {
    const now = Date.parse("2026-10-02T12:00:00Z");
    expect(ago("2026-10-02T11:55:00Z", now)).toBe("5 minutes ago");
    expect(ago("2026-10-02T14:00:00Z", now)).toBe("in 2 hours");
    expect(ago("2026-10-02T12:00:00.200Z", now)).toBe("now");
  });
});

describe("highlighted text", () => {
  test("is cut where the spans are, in code points", () => {
    expect(pieces("🌱 soil is alive", [[2, 6]])).toEqual([
      { text: "🌱 ", marked: false },
      { text: "soil", marked: true },
      { text: " is alive", marked: false },
    ]);
  });
  test("spans that overlap, touch the ends or lie outside lose and double nothing", () => {
    const text = "abcdef";
    for (const spans of [
      [
        [0, 3],
        [2, 4],
      ],
      [
        [4, 99],
        [-1, 1],
      ],
      [[9, 12]],
      [],
    ])
      expect(
        pieces(text, spans)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
  });
});

test("an address keeps what is not changed", () => {
  const url = { pathname: "/episodes", search: "?q=a%20b&feed=x" };
  expect(withQuery(url, { state: "done" })).toBe("/episodes?q=a+b&feed=x&state=done");
  expect(withQuery(url, { q: undefined, feed: undefined })).toBe("/episodes");
});

describe("turns of a transcript", () => {
  const voices: Transcript["voices"] = [
    { id: "v1", name: "Nora", type: "host", seconds: 20, evidence: [] },
    { id: "v2", type: "guest", seconds: 60, evidence: [] },
    { id: "v3", type: "advert", seconds: 90, evidence: [] },
  ];
  const say = (id: number, speaker: string, seconds: number, text = "Some words.") => ({
    id,
    speaker,
    voice_type: voices.find((voice) => voice.id === speaker)?.type ?? "unknown",
    start_ms: id * 10_000,
    end_ms: id * 10_000 + seconds * 1000,
    char_start: id * 100,
    char_end: id * 100 + text.length,
    text,
  });
  const transcript = (segments: Transcript["segments"], cuts: Transcript["cuts"] = []): Transcript => ({
    schema: 1,
    language: "en",
    duration_ms: 100_000,
    timed: true,
    source: { kind: "whisper" },
    length: 1000,
    voices,
    segments,
    cuts,
  });

  test("end where the voice changes; who speaks most has the first colour, an advert none", () => {
    const turns = turnsOf(transcript([say(0, "v1", 9), say(1, "v1", 9), say(2, "v2", 9), say(3, "v3", 9)]));
    expect(turns.map(({ name, colour, advert, segments }) => ({ name, colour, advert, n: segments.length }))).toEqual([
      { name: "Nora", colour: 2, advert: false, n: 2 },
      { name: "Voice 2", colour: 1, advert: false, n: 1 },
      { name: "Voice 3", colour: 0, advert: true, n: 1 },
    ]);
  });
  test("what was cut as an advert is dimmed, also in the host's own voice", () => {
    const cut = {
      char_start: 100,
      char_end: 105,
      start_ms: 0,
      end_ms: 1,
      kind: "sponsor" as const,
      score: 1,
      reasons: [],
    };
    const turns = turnsOf(transcript([say(0, "v1", 9), say(1, "v1", 9), say(2, "v1", 9)], [cut]));
    expect(turns.map((turn) => turn.advert)).toEqual([false, true, false]);
  });
  test("long speech is cut into paragraphs", () => {
    const long = "Many words of one long answer. ".repeat(12);
    const turns = turnsOf(transcript(Array.from({ length: 8 }, (_, id) => say(id, "v2", 9.9, long))));
    expect(turns.length).toBeGreaterThan(1);
    expect(turns.flatMap((turn) => turn.segments)).toHaveLength(8);
  });
  test("the turn that is heard is the last that has begun", () => {
    const turns = turnsOf(transcript([say(0, "v1", 9), say(1, "v2", 9), say(2, "v1", 9)]));
    expect([0, 9_999, 10_000, 25_000, 99_000].map((ms) => turnAt(turns, ms))).toEqual([0, 0, 1, 2, 2]);
  });
});
