import { join } from "node:path";
import { Index, MetricKind, ScalarKind } from "usearch";
import { checkVector, type VectorHit, type VectorStore } from "./vector-store.ts";

const FILE = "vectors.usearch";

class UsearchStore implements VectorStore {
  readonly dimensions: number;
  readonly #index: Index;

  constructor(index: Index, dimensions: number) {
    this.#index = index;
    this.dimensions = dimensions;
  }

  get size(): number {
    return Number(this.#index.size());
  }

  add(ids: readonly number[], vectors: readonly Float32Array[]): void {
    for (const [position, id] of ids.entries()) {
      const vector = vectors[position] as Float32Array;
      checkVector(vector, this.dimensions);
      const key = BigInt(id);
      if (this.#index.contains(key)) this.#index.remove(key);
      // One thread: the graph then depends on the order of insertion alone, and a rebuild gives the same bytes.
      this.#index.add(key, vector, 1);
    }
  }

  remove(ids: readonly number[]): void {
    for (const id of ids) this.#index.remove(BigInt(id));
  }

  search(query: Float32Array, k: number): VectorHit[] {
    checkVector(query, this.dimensions);
    if (this.size === 0) return [];
    const { keys, distances } = this.#index.search(query, Math.min(k, this.size), 1);
    return Array.from(keys, (key, rank) => ({ id: Number(key), similarity: 1 - (distances[rank] as number) }));
  }

  save(folder: string): void {
    this.#index.save(join(folder, FILE));
  }

  close(): void {}
}

export function createUsearchStore(dimensions: number): VectorStore {
  return new UsearchStore(blank(dimensions), dimensions);
}

export function openUsearchStore(folder: string, dimensions: number, writable: boolean): VectorStore {
  const index = blank(dimensions);
  if (writable) index.load(join(folder, FILE));
  else index.view(join(folder, FILE));
  return new UsearchStore(index, dimensions);
}

function blank(dimensions: number): Index {
  return new Index({
    dimensions,
    metric: MetricKind.Cos,
    quantization: ScalarKind.F16,
    connectivity: 16,
    expansion_add: 128,
    expansion_search: 64,
    multi: false,
  });
}
