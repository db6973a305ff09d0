import { join } from "node:path";
import { Corpus } from "@podcast/corpus";
import { describe, expect, it } from "vitest";
import { FIXTURES, hasFixtures, skipping, tempFolder } from "./helpers/environment.ts";
import { podcast, WITHOUT_MODELS } from "./helpers/podcast.ts";

if (!hasFixtures)
  skipping("import of a peer corpus, scores against silver references", "the fixtures are not on this machine");

describe.skipIf(!hasFixtures)("a podcast_scraper corpus", () => {
  it("imports with speakers, insights and summaries, and is searchable", async () => {
    const corpus = tempFolder("peer");
    const result = JSON.parse(
      (
        await podcast(
          ["import-corpus", join(FIXTURES, "peer", "corpora"), "--corpus", corpus, "--json"],
          WITHOUT_MODELS,
        )
      ).stdout,
    );
    expect(result.episodes).toHaveLength(12);
    expect(result.skipped).toEqual([]);
    const found = JSON.parse(
      (await podcast(["search", "drainage on a trail", "--corpus", corpus, "--json"], WITHOUT_MODELS)).stdout,
    );
    expect(found.hits[0].text.toLowerCase()).toContain("drainage");
    const data = new Corpus(corpus);
    const [ref] = await data.episodes();
    expect((await data.open(ref as never).transcript())?.voices.map((voice) => voice.type)).toContain("host");
  });
});

describe.skipIf(!hasFixtures)("the text stages on plain transcripts", () => {
  it("cover the silver references without any model nearly as well as with one", async () => {
    const sources = join(FIXTURES, "peer", "eval");
    const outcome = await podcast(
      ["eval", "--text", join(sources, "sources"), "--references", join(sources, "silver"), "--json"],
      WITHOUT_MODELS,
    );
    const scores = new Map<string, { insightCoverage?: number; topicCoverage?: number; rougeL?: number }>(
      JSON.parse(outcome.stdout).scores.map((score: { reference: string }) => [score.reference, score]),
    );
    expect(scores.get("silver_opus47_gi_dev_v1")?.insightCoverage).toBeGreaterThan(0.8);
    expect(scores.get("silver_opus47_kg_dev_v1")?.topicCoverage).toBeGreaterThan(0.3);
    expect(scores.get("silver_sonnet46_dev_v1_bullets")?.rougeL).toBeGreaterThan(0.25);
  });
});
