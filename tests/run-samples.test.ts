import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Corpus, checkGraph } from "@podcast/corpus";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SAMPLE_FEEDS, serveFolder } from "../examples/serve.ts";
import { FIXTURES, hasFixtures, skipping, tempFolder } from "./helpers/environment.ts";
import { hashTree } from "./helpers/hash-tree.ts";
import { podcast, startPodcast, WITHOUT_MODELS } from "./helpers/podcast.ts";

let server: Server;
let feeds: string[];
let host: string;

beforeAll(async () => {
  server = await serveFolder(SAMPLE_FEEDS, 0);
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  feeds = ["slow-garden", "small-servers"].map((show) => `http://${host}/${show}/feed.xml`);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const run = (corpus: string, ...more: string[]) =>
  podcast(["run", ...feeds, "--allow-host", host, "--corpus", corpus, "--json", ...more], WITHOUT_MODELS);

describe("a run over the sample feeds without any model", () => {
  const corpus = tempFolder("samples");
  const data = new Corpus(corpus);
  let first: Awaited<ReturnType<typeof run>>;

  beforeAll(async () => {
    first = await run(corpus);
  });

  it("processes what is published, names what is missing and how to get it, and ends with code 3", () => {
    const result = JSON.parse(first.stdout);
    expect(first.code, first.stderr).toBe(3);
    expect(result.counts).toEqual({ processed: 3, unchanged: 0, failed: 2, feedsFailed: 0 });
    const failed = result.episodes.filter((episode: { state: string }) => episode.state === "failed");
    for (const episode of failed)
      expect(episode.error).toMatchObject({
        stage: "transcription",
        code: "MODEL_MISSING",
        hint: expect.stringContaining("podcast models pull"),
      });
    expect(result.index).toMatchObject({ episodes: 3, semantic: false });
  });

  it("writes artifacts that hold together: speakers, verbatim quotes, graphs", async () => {
    for (const ref of await data.episodes()) {
      const reader = data.open(ref);
      const transcript = await reader.transcript();
      if (transcript === undefined) continue;
      expect(transcript.voices.map((voice) => voice.name)).not.toContain(undefined);
      const text = (await reader.text()) as string;
      const gi = await reader.gi();
      const kg = await reader.kg();
      expect(gi?.nodes.some((node) => node.type === "Insight")).toBe(true);
      expect(checkGraph("gi", gi as never, text, transcript.duration_ms)).toEqual([]);
      expect(checkGraph("kg", kg as never, text, undefined)).toEqual([]);
      const insights =
        gi?.nodes.filter((node) => node.type === "Insight").map((node) => String(node.properties.text)) ?? [];
      expect(insights.filter((insight) => /welcome|thank you|I'm (?:Nora|Alan)/i.test(insight))).toEqual([]);
    }
  });

  it.skipIf(!hasFixtures)("writes gi.json and kg.json that validate against the peer's schemas", async () => {
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    const schema = (name: string) =>
      ajv.compile(JSON.parse(readFileSync(join(FIXTURES, "peer", "schemas", name), "utf8")));
    const [gi, kg] = [schema("gi.schema.json"), schema("kg.schema.json")];
    let checked = 0;
    for (const ref of await data.episodes()) {
      const graph = await data.open(ref).gi();
      if (graph === undefined) continue;
      checked++;
      expect(gi(graph), JSON.stringify(gi.errors?.slice(0, 3))).toBe(true);
      expect(kg(await data.open(ref).kg()), JSON.stringify(kg.errors?.slice(0, 3))).toBe(true);
    }
    expect(checked).toBe(3);
  });

  it("does no work the second time: same bytes, true counts", async () => {
    const before = hashTree(join(corpus, "feeds"), (path, content) =>
      path.includes("backups") || path.includes("feed-the-soil") ? undefined : content,
    );
    const index = hashTree(join(corpus, "index"));
    const again = JSON.parse((await run(corpus)).stdout);
    expect(again.counts).toMatchObject({ processed: 0, unchanged: 3, failed: 2 });
    const after = hashTree(join(corpus, "feeds"));
    for (const [path, hash] of Object.entries(before))
      if (!/restore-you-have|not-the-plant/.test(path)) expect(after[path], path).toBe(hash);
    expect(hashTree(join(corpus, "index"))).toEqual(index);
  });

  it("uses one id for everything that a run writes", () => {
    const { runId } = JSON.parse(first.stdout);
    const folder = join(corpus, "runs", runId);
    expect(JSON.parse(readFileSync(join(folder, "run.json"), "utf8"))).toMatchObject({ run_id: runId, exit_code: 3 });
    for (const line of readFileSync(join(folder, "log.jsonl"), "utf8").trim().split("\n"))
      expect(JSON.parse(line).run_id).toBe(runId);
    expect(readdirSync(folder).sort()).toEqual(["log.jsonl", "metrics.json", "run.json"]);
  });

  it("is searchable, and says that it searches words only", async () => {
    const found = JSON.parse(
      (await podcast(["search", "deep roots water", "--corpus", corpus, "--json"], WITHOUT_MODELS)).stdout,
    );
    expect(found.semantic).toBe(false);
    expect(found.hits[0]).toMatchObject({ title: "Water Less, Water Deeper", speaker: "Nora Finch" });
    expect(found.hits[0].highlights.length).toBeGreaterThan(0);
  });

  it("makes a digest, newest first, with links to the second", async () => {
    const digest = JSON.parse(
      (await podcast(["digest", "--since", "2026-01-01", "--corpus", corpus, "--json"], WITHOUT_MODELS)).stdout,
    );
    expect(digest.episodes.map((episode: { title: string }) => episode.title)).toEqual([
      "Alerts You Can Act On",
      "Water Less, Water Deeper",
      "Change One Thing at a Time",
    ]);
    expect(digest.episodes[0].insights[0].link).toMatch(/\.mp3#t=\d+$/);
    const markdown = (
      await podcast(["digest", "--since", "2026-01-01", "--format", "markdown", "--corpus", corpus], WITHOUT_MODELS)
    ).stdout;
    expect(markdown).toContain("## [Alerts You Can Act On]");
  });

  it("re-runs only what a changed setting concerns", async () => {
    const config = join(tempFolder("config"), "settings.yaml");
    writeFileSync(config, "insights:\n  max: 2\n");
    const outcome = await run(corpus, "--config", config);
    const again = JSON.parse(outcome.stdout);
    expect(again.error, outcome.stderr).toBeUndefined();
    const done = again.episodes.filter((episode: { state: string }) => episode.state === "processed");
    expect(done).toHaveLength(3);
    for (const episode of done) expect(episode.stages).toEqual(["gi_generation", "kg_extraction", "vector_indexing"]);
  });
});

describe("bad feeds", () => {
  it("end by themselves, named, and never stop the others", async () => {
    const corpus = tempFolder("bad");
    const outcome = await podcast(
      [
        "run",
        `http://${host}/missing.xml`,
        "http://192.168.77.1/feed",
        feeds[0] as string,
        "--allow-host",
        host,
        "--corpus",
        corpus,
        "--json",
      ],
      WITHOUT_MODELS,
    );
    const result = JSON.parse(outcome.stdout);
    expect(outcome.code).toBe(3);
    expect(result.feeds.map((feed: { error?: { code: string } }) => feed.error?.code)).toEqual([
      "FEED_NOT_FOUND",
      "URL_PRIVATE",
      undefined,
    ]);
    expect(result.counts.feedsFailed).toBe(2);
  });

  it("alone end with code 1, bad usage with 2", async () => {
    expect(
      (
        await podcast(
          ["run", `http://${host}/missing.xml`, "--allow-host", host, "--corpus", tempFolder("none")],
          WITHOUT_MODELS,
        )
      ).code,
    ).toBe(1);
    expect((await podcast(["run"])).code).toBe(2);
    expect((await podcast(["run", "http://x.example/", "--start-stage", "nonsense"])).code).toBe(2);
    expect((await podcast(["run", "http://x.example/"], { PODCAST_TYPO: "1" })).code).toBe(2);
  });
});

describe("kill -9", () => {
  /** Times and attempts may differ; nothing else. */
  const timeless = (path: string, content: Buffer) => {
    if (path.endsWith("manifest.json")) {
      return content
        .toString()
        .replace(/"(?:started|duration_s|attempts)": [^\n]*\n/g, "")
        .replace(/"kg\.json": "[^"]*"/g, "");
    }
    if (path.endsWith("kg.json")) return content.toString().replace(/"extracted_at": "[^"]*"/, "");
    return content;
  };
  const arrived = (corpus: string) => ({
    feeds: hashTree(join(corpus, "feeds"), timeless),
    index: hashTree(join(corpus, "index")),
  });

  it("at many moments of a run, resumed each time, ends like an undisturbed run", async () => {
    const calm = tempFolder("calm");
    await run(calm);
    const hurt = tempFolder("hurt");
    const kills = Number(process.env.KILLS ?? 12);
    let state = 42;
    for (let kill = 0; kill < kills; kill++) {
      state = (state * 1103515245 + 12345) % 2147483648;
      const child = startPodcast(["run", ...feeds, "--allow-host", host, "--corpus", hurt, "--json"], WITHOUT_MODELS);
      const ended = once(child, "close");
      // The moment is random by design: it is what the test is about.
      await Promise.race([ended, sleep(350 + (state / 2147483648) * 900)]);
      child.kill("SIGKILL");
      await ended;
    }
    await run(hurt);
    expect(arrived(hurt)).toEqual(arrived(calm));
  });
});

if (!hasFixtures) skipping("validation against the peer's schemas", "the fixtures are not on this machine");
