import { AppError } from "@podcast/base";
import { createFaissStore, openFaissStore } from "./faiss-store.ts";
import { createUsearchStore, openUsearchStore } from "./usearch-store.ts";

/** A nearest-neighbour index over unit-length vectors. One conformance suite runs against every backend. */
export interface VectorStore {
  readonly size: number;
  readonly dimensions: number;
  /** Adds vectors; an id that is there already is replaced. */
  add(ids: readonly number[], vectors: readonly Float32Array[]): void;
  remove(ids: readonly number[]): void;
  /** The `k` most similar, best first; similarity is the cosine. */
  search(query: Float32Array, k: number): VectorHit[];
  /** Writes the index into a folder. */
  save(folder: string): void;
  close(): void;
}

export interface VectorHit {
  id: number;
  similarity: number;
}

export type VectorBackend = "usearch" | "faiss";

/** An empty store. */
export function createVectorStore(backend: VectorBackend, dimensions: number): VectorStore {
  return backend === "faiss" ? createFaissStore(dimensions) : createUsearchStore(dimensions);
}

/** A saved store; read-only use may map the file instead of reading it. */
export function openVectorStore(
  backend: VectorBackend,
  folder: string,
  dimensions: number,
  writable = false,
): VectorStore {
  return backend === "faiss" ? openFaissStore(folder, dimensions) : openUsearchStore(folder, dimensions, writable);
}

/** Refuses vectors that no backend can hold; a wrong one would crash native code or poison the ranking. */
export function checkVector(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions || !vector.every(Number.isFinite)) {
    throw new AppError(
      "ARTIFACT_INVALID",
      `A vector of ${vector.length} finite values was expected to have ${dimensions}.`,
    );
  }
}
