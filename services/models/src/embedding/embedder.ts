import { ModelProcess } from "../process/model-process.ts";
import type { EmbeddingRequest } from "./process.ts";

/** Sentence embeddings in a process of their own. */
export class Embedder {
  readonly #process = new ModelProcess<EmbeddingRequest, Float32Array[]>(new URL("./process.ts", import.meta.url));
  readonly #folder: string;
  readonly #threads: number;
  /** Id of the model in the catalogue. */
  readonly model: string;
  readonly dimensions: number;

  constructor(options: { model: string; folder: string; dimensions: number; threads?: number }) {
    this.model = options.model;
    this.dimensions = options.dimensions;
    this.#folder = options.folder;
    this.#threads = options.threads ?? 1;
  }

  /** Unit-length vectors, one a text. */
  async embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    if (texts.length === 0) return [];
    return this.#process.call({ folder: this.#folder, threads: this.#threads, texts: [...texts] }, { signal });
  }

  close(): void {
    this.#process.stop();
  }
}
