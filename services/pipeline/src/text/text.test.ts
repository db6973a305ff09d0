import type { Asr } from "@podcast/corpus";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findAdverts } from "../cleaning/find-adverts.ts";
import { classify, isTalkAboutTalk } from "../insight/statement.ts";
import { attribute } from "../speakers/attribute.ts";
import { composeTranscript } from "../speakers/compose.ts";
import { asSpelt, isPersonName } from "../speakers/names.ts";
import { asrOf } from "./asr-of.fixture.ts";
import { sentences } from "./sentences.ts";
import { TimedText } from "./timed-text.ts";

const episode = (more: object = {}) => ({
  schema: 1 as const,
  key: "e",
  feed_key: "f",
  feed_title: "The Long View",
  guid: "1",
  title: "T",
  transcripts: [],
  soundbites: [],
  people: [],
  feed_people: [],
  ...more,
});

describe("sentences", () => {
  it("keeps abbreviations and initials together", () => {
    const text = "Dr. Smith met J. R. Jones at 5 p.m. on Monday. They left. Really?";
    expect(sentences(text).map(({ start, end }) => text.slice(start, end))).toEqual([
      "Dr. Smith met J. R. Jones at 5 p.m. on Monday.",
      "They left.",
      "Really?",
    ]);
  });

  it("lose no letter, overlap nowhere and never split a sign, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 1500 }), (text) => {
        const spans = sentences(text);
        expect(
          spans
            .map(({ start, end }) => text.slice(start, end))
            .join("")
            .replace(/\s/g, ""),
        ).toBe(text.replace(/\s/g, ""));
        for (const [i, span] of spans.entries())
          if (i > 0) expect(span.start).toBeGreaterThanOrEqual((spans[i - 1] as { end: number }).end);
      }),
    );
  });
});

describe("composed transcript", () => {
  it("is its slices, with increasing times, for any words and voices", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom("Ann Lee", "Bo Ek", undefined), fc.string({ unit: "grapheme", maxLength: 80 })),
          { maxLength: 12 },
        ),
        (lines) => {
          const { transcript, text } = composeTranscript(asrOf(lines), undefined, undefined, episode());
          const points = [...text];
          let last = 0;
          for (const segment of transcript.segments) {
            expect(points.slice(segment.char_start, segment.char_end).join("")).toBe(segment.text);
            expect(segment.start_ms).toBeGreaterThanOrEqual(last);
            expect(segment.end_ms).toBeGreaterThanOrEqual(segment.start_ms);
            last = segment.start_ms;
          }
          expect(transcript.length).toBe(points.length);
        },
      ),
    );
  });

  it("gives words to the turns that they fall into, and cuts a sentence where the voice changes for good", () => {
    const words = "we should go home now because it is late and I am very tired"
      .split(" ")
      .map((text, i) => ({ text, start_ms: i * 400, end_ms: i * 400 + 390, p: 1 }));
    const asr: Asr = {
      ...asrOf([]),
      source: { kind: "whisper" },
      duration_ms: 6000,
      segments: [{ start_ms: 0, end_ms: 5600, text: words.map((w) => w.text).join(" "), words }],
    };
    const turns = {
      schema: 1 as const,
      model: "m",
      duration_ms: 6000,
      voices: [],
      turns: [
        { start_ms: 0, end_ms: 3600, voice: "s1" },
        { start_ms: 3600, end_ms: 6000, voice: "s2" },
      ],
      speech: [],
    };
    const timed = new TimedText(asr);
    expect(attribute(timed, asr, turns).map((span) => [span.voice, timed.text.slice(span.start, span.end)])).toEqual([
      ["s1", "we should go home now because it is late"],
      ["s2", "and I am very tired"],
    ]);
  });
});

describe("names", () => {
  const named = (lines: [string, string][], more: object = {}) =>
    composeTranscript(asrOf(lines), undefined, undefined, episode(more)).transcript.voices.map((voice) => [
      voice.id,
      voice.name,
      voice.type,
    ]);

  it("come from introductions and from being addressed, spelt as the feed spells them", () => {
    expect(
      named(
        [
          ["SPEAKER_00", "Welcome back to The Long View. My guest today is Elena Fisher, who studies cities."],
          ["SPEAKER_01", "Thank you, Alex. A pleasure."],
          ["SPEAKER_00", "What is the hardest part?"],
          ["SPEAKER_01", "The hardest part is patience."],
        ],
        { feed_author: "Alex Morgan", description: "Alex Morgan talks with Elena Fischer." },
      ),
    ).toEqual([
      ["v1", "Alex Morgan", "host"],
      ["v2", "Elena Fischer", "guest"],
    ]);
  });

  it("do not come from a description, nor from a celebrity that is only talked about", () => {
    const voices = named(
      [
        ["SPEAKER_00", "Welcome to the show. What would Albert Einstein say about this?"],
        ["SPEAKER_01", "He would laugh, I suppose."],
      ],
      { description: "What would Albert Einstein say?" },
    );
    expect(voices.map(([, name]) => name)).toEqual([undefined, undefined]);
  });

  it("name a cameo by the words that announce it", () => {
    const voices = named(
      [
        ["SPEAKER_00", "Welcome to the show. I'm Nora Bakker, and my guest today is Daniel Cho."],
        ["SPEAKER_01", "Thanks, Nora. Glad to be here."],
        ["SPEAKER_00", "Here's economist Nadia Sereni, from a talk back in 2016."],
        ["SPEAKER_02", "Leverage feels free until the day it isn't."],
      ],
      {},
    );
    expect(voices.map(([, name]) => name)).toEqual(["Nora Bakker", "Daniel Cho", "Nadia Sereni"]);
  });

  it("stay away from a transcript whose voices were never told apart", () => {
    const { transcript } = composeTranscript(
      asrOf([
        [undefined, "I'm Ann Lee. My guest is Bo Ek."],
        [undefined, "Thanks, Ann."],
      ]),
      undefined,
      undefined,
      episode({ feed_author: "Ann Lee" }),
    );
    expect(transcript.voices).toMatchObject([{ id: "v1", type: "unknown" }]);
    expect(transcript.voices[0]?.name).toBeUndefined();
  });

  it("know a person from other words", () => {
    expect(["Владимир Путин", "Dr. Elena Fischer", "Ludwig van Beethoven"].every(isPersonName)).toBe(true);
    expect(["SPEAKER_00", "Speaker 1", "Thanks", "the host", "Monday"].some(isPersonName)).toBe(false);
    expect(asSpelt("Sophie Laronne", ["Sophie Laurent", "Maya Koster"])).toBe("Sophie Laurent");
    expect(asSpelt("Peter Pan", ["Sophie Laurent"])).toBe("Peter Pan");
  });
});

describe("adverts", () => {
  const cut = (lines: [string, string][], most = 0.6) => {
    const asr = asrOf(lines);
    const timed = new TimedText(asr);
    const found = findAdverts(timed, attribute(timed, asr, undefined), most);
    return { ...found, texts: found.cuts.map((one) => timed.points.slice(one.char_start, one.char_end)) };
  };
  const talk: [string, string] = [
    "B",
    "Drainage decides how long a trail lasts. Water must leave on its own, and everything else follows from that.",
  ];

  it("are cut from the first word of the read to the last, and no further", () => {
    const { cuts, texts } = cut([
      talk,
      [
        "A",
        "This episode is brought to you by Strava. Strava is the home for athletes. Get started at strava.com/podcast. So, what is the first thing to look at?",
      ],
      talk,
    ]);
    expect(texts).toEqual([
      "This episode is brought to you by Strava. Strava is the home for athletes. Get started at strava.com/podcast.",
    ]);
    expect(cuts[0]?.brand).toBe("Strava");
  });

  it.each([
    "We partnered with the city, and the sponsor of the bill was against it.",
    "I thank everyone who supported the show of hands.",
    "You can visit the park, and the website of the town has a map.",
  ])("are not seen in talk: %s", (sentence) => expect(cut([["A", sentence], talk]).texts).toEqual([]));

  it("never take more than the bound, and say that they were held back", () => {
    const read: [string, string] = ["A", "This episode is sponsored by Acme. Acme makes anvils. Visit acme.com today."];
    const { share, bounded } = cut([read, talk, read], 0.4);
    expect(bounded).toBe(true);
    expect(share).toBeLessThanOrEqual(0.4);
  });
});

describe("statements", () => {
  it.each([
    "Welcome back to the show.",
    "Thanks, Maya, great to be here.",
    "I'm Nora Finch, and today I talk about water.",
    "That’s it for today’s episode.",
    "Walk me through that.",
  ])("leave out: %s", (text) => expect(isTalkAboutTalk(text)).toBe(true));
  it.each([
    ["Always water in the morning, because wet leaves invite mildew.", "recommendation"],
    ["Deep roots are stronger than shallow ones in dry summers.", "claim"],
    ["Can a small garden feed a family of four through winter?", "question"],
  ] as const)("%s is a %s", (text, type) => {
    expect(isTalkAboutTalk(text)).toBe(false);
    expect(classify(text)).toBe(type);
  });
});
