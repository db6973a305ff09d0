import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { AppError, toJson } from "@podcast/base";
import { checkVector, type VectorHit, type VectorStore } from "./vector-store.ts";

/** What we use of faiss-node; see docs/search.md for how its native part is built. */
interface FaissIndex {
  add(values: number[]): void;
  search(query: number[], k: number): { distances: number[]; labels: number[] };
  removeIds(labels: number[]): number;
  write(path: string): void;
  ntotal(): number;
  getDimension(): number;
}
interface FaissModule {
  IndexFlatIP: { new (dimensions: number): FaissIndex; read(path: string): FaissIndex };
}

const FILE = "vectors.faiss";
const IDS = "vectors.ids.json";

/** True when faiss-node is installed and its native part was built. */
export function faissAvailable(): boolean {
  try {
    load();
    return true;
  } catch {
    return false;
  }
}

function load(): FaissModule {
  try {
    return createRequire(import.meta.url)("faiss-node") as FaissModule;
  } catch (error) {
    throw new AppError("PROGRAM_MISSING", "The faiss backend is not built on this machine.", {
      hint: "`npm run build:faiss` builds it (needs g++ and libfaiss-dev), or use the default: index.backend: usearch.",
      cause: error,
    });
  }
}

/**
 * Exact inner-product search. FAISS aborts the whole process on most mistakes, so every argument is checked here;
 * it has no ids of its own, so positions are mapped, and removal shifts them as FAISS does.
 */
class FaissStore implements VectorStore {
  readonly dimensions: number;
  readonly #index: FaissIndex;
  #ids: number[];

  constructor(index: FaissIndex, ids: number[], dimensions: number) {
    this.#index = index;
    this.#ids = ids;
    this.dimensions = dimensions;
  }

  get size(): number {
    return this.#ids.length;
  }

  add(ids: readonly number[], vectors: readonly Float32Array[]): void {
    for (const vector of vectors) checkVector(vector, this.dimensions);
    this.remove(ids);
    for (const [position, id] of ids.entries()) {
      this.#index.add(Array.from(unit(vectors[position] as Float32Array)));
      this.#ids.push(id);
    }
  }

  remove(ids: readonly number[]): void {
    const gone = new Set(ids);
    const labels = this.#ids.flatMap((id, label) => (gone.has(id) ? [label] : []));
    if (labels.length === 0) return;
    this.#index.removeIds(labels);
    this.#ids = this.#ids.filter((id) => !gone.has(id));
  }

  search(query: Float32Array, k: number): VectorHit[] {
    checkVector(query, this.dimensions);
    if (this.size === 0 || k < 1) return [];
    const { distances, labels } = this.#index.search(Array.from(unit(query)), Math.min(k, this.size));
    return labels.flatMap((label, rank) => {
      const id = this.#ids[label];
      return id === undefined ? [] : [{ id, similarity: distances[rank] as number }];
    });
  }

  save(folder: string): void {
    this.#index.write(join(folder, FILE));
    writeFileSync(join(folder, IDS), toJson(this.#ids));
  }

  close(): void {}
}

export function createFaissStore(dimensions: number): VectorStore {
  return new FaissStore(new (load().IndexFlatIP)(dimensions), [], dimensions);
}

export function openFaissStore(folder: string, dimensions: number): VectorStore {
  const index = load().IndexFlatIP.read(join(folder, FILE));
  const ids = JSON.parse(readFileSync(join(folder, IDS), "utf8")) as number[];
  if (index.ntotal() !== ids.length || index.getDimension() !== dimensions) {
    throw new AppError("ARTIFACT_INVALID", `The faiss index in ${folder} does not match its list of ids.`, {
      hint: "`podcast index --rebuild` makes it anew.",
    });
  }
  return new FaissStore(index, ids, dimensions);
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}
