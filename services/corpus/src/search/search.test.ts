import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Chunk } from "../artifacts/schemas.ts";
import { Layout } from "../layout.ts";
import { faissAvailable } from "./faiss-store.ts";
import { currentGeneration, type IndexSource, updateIndex } from "./generation.ts";
import { fuse, Searcher } from "./search.ts";
import { highlights } from "./terms.ts";
import { createVectorStore, openVectorStore, type VectorBackend } from "./vector-store.ts";

const folder = () => mkdtempSync(join(tmpdir(), "index-"));
const axis = (...values: number[]) => Float32Array.from([...values, ...new Array(8 - values.length).fill(0)]);

const backends: VectorBackend[] = faissAvailable() ? ["usearch", "faiss"] : ["usearch"];
if (!faissAvailable())
  process.stderr.write("skipped: the faiss backend, which is not built here (npm run build:faiss)\n");

describe.each(backends)("vector store %s", (backend) => {
  it("finds the nearest, replaces, removes, and comes back from disk", () => {
    const store = createVectorStore(backend, 8);
    store.add([1, 2, 3], [axis(1), axis(0, 1), axis(0.9, 0.1)]);
    expect(store.search(axis(1), 2).map((hit) => hit.id)).toEqual([1, 3]);
    expect(store.search(axis(1), 1)[0]?.similarity).toBeCloseTo(1, 2);
    store.add([2], [axis(0, 0, 1)]);
    store.remove([1]);
    expect(store.size).toBe(2);
    const dir = folder();
    store.save(dir);
    const again = openVectorStore(backend, dir, 8);
    expect(again.search(axis(0, 0, 1), 5).map((hit) => hit.id)[0]).toBe(2);
    expect(again.search(axis(1), 5).map((hit) => hit.id)).not.toContain(1);
  });

  it("is empty before anything is added, and refuses vectors that would poison it", () => {
    const store = createVectorStore(backend, 8);
    expect(store.search(axis(1), 3)).toEqual([]);
    expect(() => store.add([1], [Float32Array.from([1])])).toThrow(/expected to have 8/);
    expect(() => store.search(axis(Number.NaN), 3)).toThrow();
  });
});

function source(
  episode: string,
  texts: string[],
  more: Partial<IndexSource> & { speaker?: string; digest?: string } = {},
): IndexSource {
  const chunks = texts.map(
    (text, id): Chunk => ({
      id,
      kind: "transcript",
      char_start: 0,
      char_end: text.length,
      start_ms: id * 1000,
      end_ms: id * 1000 + 900,
      speaker: more.speaker ?? "Ann",
      text,
    }),
  );
  return {
    feed: "feed",
    episode,
    feedTitle: "Feed",
    title: episode,
    published: "2026-01-01",
    digest: texts.join("|"),
    ...more,
    load: async () => ({ chunks, vectors: texts.map((_, i) => axis(1, i)) }),
  };
}

const options = { backend: "usearch" as const, model: "m", dimensions: 8 };

describe("search", () => {
  it("finds by words, filters, and shows what is around a hit", async () => {
    const layout = new Layout(folder());
    await updateIndex(
      layout,
      [
        source("one", ["Trails drain water.", "Soil erosion is slow.", "Ride safe."]),
        source("two", ["Erosion of trust."], { speaker: "Bob", published: "2026-03-01" }),
      ],
      options,
    );
    const searcher = await Searcher.open(layout);
    const hits = await searcher.search("soil erosion");
    expect(hits[0]).toMatchObject({
      episode: "one",
      start_ms: 1000,
      context: { before: "Trails drain water.", after: "Ride safe." },
    });
    expect(hits[0]?.highlights.map(([a, b]) => hits[0]?.text.slice(a, b))).toEqual(["Soil", "erosion"]);
    expect((await searcher.search("erosion", { speaker: "bob" })).map((hit) => hit.episode)).toEqual(["two"]);
    expect((await searcher.search("erosion", { until: "2026-02-01" })).map((hit) => hit.episode)).toEqual(["one"]);
    expect(await searcher.search('") OR 1=1 --')).toEqual([]);
    expect(await searcher.search("")).toEqual([]);
    searcher.close();
  });

  it("finds words of scripts without spaces", async () => {
    const layout = new Layout(folder());
    await updateIndex(layout, [source("zh", ["我们今天讨论机器学习的未来"])], options);
    const searcher = await Searcher.open(layout);
    expect(await searcher.search("机器学习")).toHaveLength(1);
    searcher.close();
  });

  it("updates one episode in a new generation and leaves an open reader what it had", async () => {
    const layout = new Layout(folder());
    const sources = [source("one", ["alpha"]), source("two", ["beta"])];
    const first = await updateIndex(layout, sources, options);
    expect((await updateIndex(layout, sources, options)).changed).toBe(false);
    const reader = await Searcher.open(layout);
    const second = await updateIndex(layout, [sources[0] as IndexSource, source("two", ["gamma"])], options);
    expect([second.added, second.removed]).toEqual([1, 1]);
    expect(second.info.id).not.toBe(first.info.id);
    expect(await reader.search("beta")).toHaveLength(1);
    reader.close();
    const fresh = await Searcher.open(layout, async () => axis(1));
    expect(await fresh.search("beta", { kind: "insight" })).toEqual([]);
    expect((await fresh.search("gamma"))[0]?.ranks.words).toBe(1);
    fresh.close();
    expect(readdirSync(layout.indexDir).sort()).toEqual([second.info.id, "current"].sort());
    expect(existsSync((await currentGeneration(layout)) as string)).toBe(true);
  });
});

it("fuses two rankings by reciprocal rank", () => {
  expect(fuse([1, 2], [2, 3]).map((entry) => entry.row)).toEqual([2, 1, 3]);
});

it("highlights by code points", () => {
  expect(highlights("😀 Trails drain", ["trail"])).toEqual([[2, 8]]);
});
