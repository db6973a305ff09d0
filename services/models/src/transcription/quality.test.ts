import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gaps, loops, rate } from "./quality.ts";
import { packWindows, speechSeconds } from "./windows.ts";

const say = (text: string, msEach = 300, p = 0.9) =>
  text.split(" ").map((word, i) => ({ text: word, startMs: i * msEach, endMs: (i + 1) * msEach, p }));
const segment = (words: ReturnType<typeof say>) => ({
  words,
  text: words.map((word) => word.text).join(" "),
  startMs: words[0]?.startMs ?? 0,
  endMs: words.at(-1)?.endMs ?? 0,
  logprob: 0,
  noSpeech: 0,
});

describe("loops", () => {
  it("finds a phrase said over and over, not emphasis", () => {
    expect(loops(say("manage the risk manage the risk manage the risk manage the risk")).size).toBeGreaterThan(5);
    expect(loops(say("no no no that is very very good")).size).toBe(0);
  });
});

describe("gaps", () => {
  it("finds the skipped beginning behind a stretched first word", () => {
    const words = [
      { text: "It", startMs: 200, endMs: 6400, p: 0.9 },
      ...say("really is the same").map((word) => ({ ...word, startMs: word.startMs + 6400, endMs: word.endMs + 6400 })),
    ];
    const found = gaps([segment(words)], [{ startMs: 0, endMs: 7600 }], 1500);
    expect(found).toHaveLength(1);
    expect(found[0]?.startMs).toBe(0);
    expect(found[0]?.endMs).toBeGreaterThan(5000);
  });

  it("finds none in text that covers its speech", () => {
    expect(gaps([segment(say("every word is where it should be"))], [{ startMs: 0, endMs: 2100 }], 1500)).toEqual([]);
  });

  it("reports speech without any text whole", () => {
    expect(gaps([], [{ startMs: 1000, endMs: 4000 }], 1500)).toEqual([{ startMs: 1000, endMs: 4000 }]);
  });
});

it("rates a skipping and a looping text below a full one", () => {
  const spans = [{ startMs: 0, endMs: 6000 }];
  const full = rate(say("name the risk before it names you and half the danger goes away"), spans);
  expect(rate(say("name the risk"), spans).likely).toBeLessThan(full.likely);
  expect(rate(say("the risk the risk the risk the risk the risk the risk"), spans).likely).toBeLessThan(
    full.likely / 2,
  );
});

it("packs all speech into windows, in order, none longer than it may be", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 50, max: 70_000 }), fc.integer({ min: 0, max: 3000 })), { maxLength: 30 }),
      (lengths) => {
        let at = 0;
        const spans = lengths.map(([length, pause]) => {
          const span = { startMs: at, endMs: at + length };
          at += length + pause;
          return span;
        });
        const windows = packWindows(spans);
        expect(speechSeconds(windows.flatMap((window) => window.spans))).toBeCloseTo(speechSeconds(spans), 1);
        for (const [i, window] of windows.entries()) {
          expect(window.endMs - window.startMs).toBeLessThanOrEqual(28_501);
          if (i > 0) expect(window.startMs).toBeGreaterThanOrEqual((windows[i - 1] as { endMs: number }).endMs);
        }
      },
    ),
  );
});
