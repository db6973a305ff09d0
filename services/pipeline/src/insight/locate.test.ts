import { expect, it } from "vitest";
import { composeTranscript } from "../speakers/compose.ts";
import { talkText } from "../text/analysis.ts";
import { asrOf } from "../text/asr-of.fixture.ts";
import { locate } from "./with-language-model.ts";

const episode = {
  schema: 1 as const,
  key: "e",
  feed_key: "f",
  feed_title: "Show",
  guid: "1",
  title: "T",
  transcripts: [],
  soundbites: [],
  people: [],
  feed_people: [],
};
const { transcript, text } = composeTranscript(
  asrOf([
    ["Ann Lee", "Water must leave on its own. It’s the whole secret, really."],
    ["Bo Ek", "Start with mulch in autumn."],
  ]),
  undefined,
  undefined,
  episode,
);
const talk = talkText(transcript, text, []);

it("finds a quote whatever quotation marks and case the model gave it", () => {
  expect(locate(talk, "“it's the whole secret”")?.text).toBe("It’s the whole secret, really.");
  expect(locate(talk, "Water must leave on its own. It's the whole secret")?.text).toBe(
    "Water must leave on its own. It’s the whole secret, really.",
  );
});

it("drops a quote that is made up, changed, or stitched over two people", () => {
  expect(locate(talk, "Water must never leave on its own.")).toBeUndefined();
  expect(locate(talk, "the whole secret, really. Start with mulch")).toBeUndefined();
  expect(locate(talk, "Water")).toBeUndefined();
});
