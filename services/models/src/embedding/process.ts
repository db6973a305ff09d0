import { serve } from "../process/serve.ts";
import { EmbeddingModel } from "./embed.ts";

export interface EmbeddingRequest {
  folder: string;
  threads: number;
  texts: string[];
}

let loaded: { folder: string; model: EmbeddingModel } | undefined;

serve<EmbeddingRequest, Float32Array[]>(async ({ folder, threads, texts }, progress) => {
  if (loaded?.folder !== folder) loaded = { folder, model: await EmbeddingModel.load(folder, threads) };
  return loaded.model.embed(texts, progress);
});
