import { describe, expect, it } from "vitest";
import { align, rougeL, wordErrorRate } from "./align.ts";
import { diarizationError, parseRttm } from "./der.ts";
import { normaliseEnglish } from "./normalise.ts";

/** Left: what is said; right: what OpenAI's Python normaliser makes of it (checked with whisper-normalizer 0.1.15). */
describe("normaliseEnglish", () => {
  it.each([
    ["I have twenty one cats and two hundred and five dogs", "i have 21 cats and 205 dogs"],
    ["It costs three point five million dollars", "it costs $3500000"],
    ["in nineteen ninety nine", "in 1999"],
    ["ten percent of it", "10% of it"],
    ["one of us", "one of us"],
    ["the nineties were great", "the 90s were great"],
    ["Dr. Smith's car won't start", "doctor smith is car will not start"],
    ["1,000 people at $5.50", "1000 people at $5.50"],
    ["I'd been there", "i had been there"],
    ["colour and organise", "color and organize"],
    ["second-order effect", "2nd order effect"],
    ["(laughs) um, well [music] yes", "well yes"],
  ])("%s", (said, expected) => expect(normaliseEnglish(said)).toBe(expected));
});

it("counts word errors of each kind", () => {
  const result = align("the cat sat on the mat".split(" "), "the cat sit on mat today".split(" "));
  expect(result.substitutions + result.deletions + result.insertions).toBe(3);
  expect(align(["a", "b"], ["a"])).toMatchObject({ substitutions: 0, deletions: 1, insertions: 0 });
  expect(align(["a"], ["a", "b"])).toMatchObject({ substitutions: 0, deletions: 0, insertions: 1 });
  expect(wordErrorRate(result)).toBeCloseTo(0.5);
});

it("scores diarization with the best mapping, overlap counted, no collar", () => {
  const reference = parseRttm("SPEAKER x 1 0.0 4.0 <NA> <NA> a <NA> <NA>\nSPEAKER x 1 4.0 4.0 <NA> <NA> b <NA> <NA>\n");
  const same = [
    { start: 0, end: 4, speaker: "x" },
    { start: 4, end: 8, speaker: "y" },
  ];
  expect(diarizationError(reference, same).rate).toBe(0);
  expect(diarizationError(reference, [{ start: 0, end: 8, speaker: "x" }])).toMatchObject({
    confusion: 4,
    missed: 0,
    rate: 0.5,
  });
  expect(diarizationError(reference, [{ start: 1, end: 9, speaker: "x" }, ...same.slice(1)])).toMatchObject({
    missed: 1,
    falseAlarm: 5,
    confusion: 0,
  });
});

it("computes ROUGE-L", () => {
  expect(rougeL("a b c d".split(" "), "a c d".split(" "))).toBeCloseTo((2 * 1 * 0.75) / 1.75);
  expect(rougeL(["a"], ["b"])).toBe(0);
});
