import { metrics } from "@podcast/base";
import { indexCorpus } from "@podcast/pipeline";
import type { JobKind, WorkContext } from "./job.ts";

/** Brings the search index up to every episode that has chunks; readers keep the old generation until the swap. */
export const updateIndexJob: JobKind = {
  name: "update_index",
  async run({ corpus, config, models }: WorkContext) {
    const updated = await indexCorpus(corpus, {
      backend: config["index.backend"],
      model: await models.embeddingModel(),
    });
    metrics.vectorIndexSize.set(updated.info.chunks);
    return { result: { generation: updated.info.id, episodes: updated.info.episodes, chunks: updated.info.chunks } };
  },
};
