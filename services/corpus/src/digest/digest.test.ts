import { describe, expect, it } from "vitest";
import { clusterVectors } from "./cluster.ts";
import { composeDigest, type DigestInsight, type DigestMaterial, DigestPreferences } from "./tenant-digest.ts";

function unit(...values: number[]): Float32Array {
  const length = Math.hypot(...values);
  return Float32Array.from(values.map((value) => value / length));
}

const episode = (id: string, feed: string, published: string, topics: string[] = []) => ({
  episode: id,
  feed,
  feedTitle: `Show ${feed}`,
  title: id,
  published,
  durationMs: 600_000,
  link: null,
  paragraph: "First. Second. Third.",
  flags: [],
  people: [],
  organisations: [],
  topics,
});
const insight = (id: string, of: string, salience: number, more: Partial<DigestInsight> = {}): DigestInsight => ({
  id,
  episode: of,
  text: `Insight ${id}`,
  type: "claim",
  salience,
  topic: null,
  speaker: null,
  quote: `Quote ${id}`,
  startMs: 60_000,
  endMs: 65_000,
  ...more,
});
const material = (more: Partial<DigestMaterial>): DigestMaterial => ({
  since: "2026-01-01T00:00:00.000Z",
  until: "2026-01-08T00:00:00.000Z",
  episodes: [episode("a", "f", "2026-01-02T00:00:00.000Z"), episode("b", "g", "2026-01-03T00:00:00.000Z")],
  insights: [insight("1", "a", 0.5), insight("2", "b", 0.6)],
  before: new Map(),
  watermarks: new Map(),
  ...more,
});

describe("clusterVectors", () => {
  it("joins what is close and leaves alone what is not", () => {
    const groups = clusterVectors([
      unit(1, 0, 0),
      unit(0.95, 0.1, 0),
      unit(0, 1, 0),
      unit(0, 0.97, 0.1),
      unit(0, 0, 1),
    ]);
    expect(groups.map((group) => [...group].sort())).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(clusterVectors([])).toEqual([]);
    expect(clusterVectors([unit(1, 0)])).toEqual([]);
  });
});

describe("composeDigest", () => {
  it("orders by salience, and says why", () => {
    const digest = composeDigest(material({}), DigestPreferences.parse({}));
    expect(digest.episodes.map((one) => one.episode)).toEqual(["b", "a"]);
    expect(digest.episodes[0]?.items[0]?.reasons).toEqual(["salience 0.60"]);
    expect(digest.episodes[0]?.lead).toBe("First. Second.");
  });

  it("moves what the listener watches up, and mutes what is muted", () => {
    const watched = composeDigest(
      material({ insights: [insight("1", "a", 0.5, { topic: "Compost heaps" }), insight("2", "b", 0.6)] }),
      DigestPreferences.parse({ watch: { topics: ["compost heaps"] } }),
    );
    expect(watched.episodes[0]).toMatchObject({ episode: "a" });
    expect(watched.episodes[0]?.items[0]?.reasons.join(" ")).toContain("you watch the topic “compost heaps”");
    expect(watched.watched).toEqual([{ kind: "topic", name: "compost heaps", items: ["a#1"] }]);
    const muted = composeDigest(material({}), DigestPreferences.parse({ muted_feeds: ["g"] }));
    expect(muted.episodes.map((one) => one.episode)).toEqual(["a"]);
  });

  it("keeps to the listener's time", () => {
    const insights = Array.from({ length: 5 }, (_, i) =>
      insight(String(i), "a", 0.9 - i / 10, { startMs: 60_000 + i * 100_000, endMs: 65_000 + i * 100_000 }),
    );
    const { selection } = composeDigest(material({ insights }), DigestPreferences.parse({ minutes: 3 }));
    // A clip: ten seconds before, five of quote, fifty after.
    expect(selection).toMatchObject({ minutes: 3, used_minutes: 2.2, left_out: 3 });
    expect(selection.clips.map((clip) => clip.item)).toEqual(["a#0", "a#1"]);
  });

  it("tells what is new since the watermark and per topic", () => {
    const digest = composeDigest(
      material({
        watermarks: new Map([["f", "2026-01-05T00:00:00.000Z"]]),
        insights: [
          insight("1", "a", 0.5, { topic: "Soil" }),
          insight("2", "b", 0.6, { topic: "soil" }),
          insight("3", "b", 0.4, { topic: "Mice" }),
        ],
        before: new Map([["mice", 4]]),
      }),
      DigestPreferences.parse({}),
    );
    expect(digest.inbox.map((one) => [one.feed, one.episodes])).toEqual([
      ["g", ["b"]],
      ["f", []],
    ]);
    expect(
      digest.topics.map(({ topic, first, new_insights, before }) => [topic.toLowerCase(), first, new_insights, before]),
    ).toEqual([
      ["soil", true, 2, 0],
      ["mice", false, 1, 4],
    ]);
  });

  it("finds the story that two shows tell", () => {
    const insights = [
      insight("1", "a", 0.5, { topic: "Heat pumps", vector: unit(1, 0.1, 0) }),
      insight("2", "b", 0.4, { vector: unit(1, 0, 0.1) }),
      insight("3", "b", 0.9, { vector: unit(0, 1, 0) }),
    ];
    const { clusters } = composeDigest(material({ insights }), DigestPreferences.parse({}));
    expect(clusters).toEqual([
      { label: "Heat pumps", items: ["a#1", "b#2"], episodes: ["a", "b"], feeds: ["f", "g"], score: 0.8 },
    ]);
  });
});
