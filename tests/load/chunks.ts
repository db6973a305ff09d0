import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Chunk, type IndexSource, Layout, updateIndex } from "../../services/corpus/src/index.ts";

/** A corpus of which only the index is there: 100,000 chunks of 60 words with vectors, of 20 feeds; the same each time. */
export async function indexOf100k() {
  const [episodes, each, dimensions] = [1000, 100, 384];
  let state = 7;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const vocabulary = Array.from({ length: 20_000 }, (_, i) => `word${i.toString(36)}`);
  const word = () => vocabulary[Math.floor(random() ** 3 * vocabulary.length)] as string;
  const centres = Array.from({ length: 400 }, () => Float32Array.from({ length: dimensions }, () => random() - 0.5));
  const vector = () => {
    const centre = centres[Math.floor(random() * centres.length)] as Float32Array;
    const raw = centre.map((value) => value + (random() - 0.5) * 0.6);
    const length = Math.hypot(...raw);
    return raw.map((value) => value / length);
  };
  const all = new Float32Array(episodes * each * dimensions);
  const sources = Array.from(
    { length: episodes },
    (_, episode): IndexSource => ({
      feed: `feed-${episode % 20}`,
      episode: `episode-${String(episode).padStart(5, "0")}`,
      feedTitle: "Feed",
      title: `Episode ${episode}`,
      published: "2026-01-01",
      digest: String(episode),
      load: async () => {
        const chunks = Array.from(
          { length: each },
          (_, id): Chunk => ({
            id,
            kind: "transcript",
            char_start: 0,
            char_end: 1,
            start_ms: id,
            end_ms: id,
            text: Array.from({ length: 60 }, word).join(" "),
          }),
        );
        const vectors = chunks.map(() => vector());
        for (const [id, one] of vectors.entries()) all.set(one, (episode * each + id) * dimensions);
        return { chunks, vectors };
      },
    }),
  );
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const layout = new Layout(folder);
  const built = performance.now();
  await updateIndex(layout, sources, { backend: "usearch", model: "bench", dimensions });
  console.log(`build: ${((performance.now() - built) / 1000).toFixed(1)} s for ${episodes * each} chunks`);
  return { layout, folder, dimensions, all, word, vector };
}
