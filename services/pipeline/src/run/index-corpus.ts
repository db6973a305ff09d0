import {
  type Chunks,
  type Corpus,
  decodeVector,
  type IndexSource,
  type UpdateResult,
  updateIndex,
  type VectorBackend,
} from "@podcast/corpus";
import { CATALOGUE } from "@podcast/models";

/** Brings the search index up to all episodes that have chunks. Vectors are used where all come from one model. */
export async function indexCorpus(
  corpus: Corpus,
  options: { backend: VectorBackend; model: string | undefined; rebuild?: boolean },
): Promise<UpdateResult> {
  const sources: IndexSource[] = [];
  const feeds = new Map((await corpus.feeds()).map((feed) => [feed.key, feed.title]));
  for (const ref of await corpus.episodes()) {
    const reader = corpus.open(ref);
    const manifest = await reader.manifest();
    const record = manifest?.stages.vector_indexing;
    const digest = record?.outputs["chunks.json"];
    if (record?.state !== "done" || digest === undefined) continue;
    const metadata = await reader.metadata();
    sources.push({
      feed: ref.feed,
      episode: ref.episode,
      feedTitle: feeds.get(ref.feed) ?? ref.feed,
      title: metadata?.title ?? ref.episode,
      published: metadata?.published ?? "",
      digest,
      load: async () => {
        const { chunks, vectors, model } = (await reader.chunks()) as Chunks;
        return { chunks, vectors: model === options.model ? vectors?.map(decodeVector) : undefined };
      },
    });
  }
  const dimensions = CATALOGUE.find((entry) => entry.id === options.model)?.dimensions;
  return updateIndex(corpus.layout, sources, {
    backend: options.backend,
    model: options.model,
    dimensions,
    ...(options.rebuild ? { rebuild: true } : {}),
  });
}
