import { copyFile, mkdir, readdir, readlink, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isMissing, readJson, removeQuietly, sha256, writeJson } from "@podcast/base";
import type { Chunk } from "../artifacts/schemas.ts";
import type { Layout } from "../layout.ts";
import { IndexDatabase, type IndexedEpisode } from "./index-database.ts";
import { createVectorStore, openVectorStore, type VectorBackend, type VectorStore } from "./vector-store.ts";

/** What a generation says about itself. */
export interface GenerationInfo {
  schema: 1;
  id: string;
  backend: VectorBackend;
  /** Embedding model; absent where only words are indexed. */
  model?: string;
  dimensions?: number;
  episodes: number;
  chunks: number;
}

/** An episode to be indexed; its chunks are read only when they changed. */
export interface IndexSource extends IndexedEpisode {
  load(): Promise<{ chunks: Chunk[]; vectors: Float32Array[] | undefined }>;
}

export interface UpdateOptions {
  backend: VectorBackend;
  model?: string | undefined;
  dimensions?: number | undefined;
  /** Make everything anew, also what is unchanged. */
  rebuild?: boolean;
  onProgress?: (done: number, total: number) => void;
}

export interface UpdateResult {
  info: GenerationInfo;
  changed: boolean;
  added: number;
  removed: number;
}

const LEXICAL = "lexical.sqlite";
const FORMAT = 1;

/** Path of the current generation, or undefined before the first. */
export async function currentGeneration(layout: Layout): Promise<string | undefined> {
  try {
    return join(layout.indexDir, await readlink(join(layout.indexDir, "current")));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export async function generationInfo(folder: string): Promise<GenerationInfo> {
  const info = await readJson<GenerationInfo>(join(folder, "index.json"));
  if (info === undefined)
    throw new AppError("INDEX_MISSING", `${folder} is not a search index.`, {
      hint: "`podcast index --rebuild` makes it anew.",
    });
  return info;
}

/**
 * Brings the index up to the given episodes: a new generation beside the old, switched by one rename. The id is a
 * hash of the content, so the same episodes give the same generation, and nothing is written when nothing changed.
 */
export async function updateIndex(
  layout: Layout,
  sources: readonly IndexSource[],
  options: UpdateOptions,
): Promise<UpdateResult> {
  const sorted = [...sources].sort((a, b) => (a.episode < b.episode ? -1 : 1));
  const identity = [
    FORMAT,
    options.backend,
    options.model ?? "",
    ...sorted.map((source) => `${source.episode} ${source.digest}`),
  ];
  const id = sha256(identity.join("\n")).slice(0, 16);
  const current = await currentGeneration(layout);
  const previous = current === undefined ? undefined : await generationInfo(current).catch(() => undefined);
  if (previous?.id === id && !options.rebuild) return { info: previous, changed: false, added: 0, removed: 0 };

  const folder = join(layout.indexDir, id);
  const staging = `${folder}.new`;
  await removeQuietly(staging);
  await mkdir(staging, { recursive: true });
  const reusable =
    previous && previous.backend === options.backend && previous.model === options.model && !options.rebuild;
  const { db, store } = reusable
    ? await copyGeneration(current as string, staging, previous)
    : {
        db: IndexDatabase.create(join(staging, LEXICAL)),
        store: options.dimensions ? createVectorStore(options.backend, options.dimensions) : undefined,
      };

  const wanted = new Map(sorted.map((source) => [source.episode, source]));
  const known = new Map(db.episodes().map((entry) => [entry.episode, entry.digest]));
  const stale = [...known]
    .filter(([episode, digest]) => wanted.get(episode)?.digest !== digest)
    .map(([episode]) => episode);
  const fresh = sorted.filter((source) => known.get(source.episode) !== source.digest);
  db.transaction(() => {
    for (const episode of stale) {
      const rows = db.remove(episode);
      store?.remove(rows);
    }
  });
  for (const [position, source] of fresh.entries()) {
    const { chunks, vectors } = await source.load();
    db.transaction(() => {
      const rows = db.add(source, chunks, vectors);
      if (vectors) store?.add(rows, vectors);
    });
    options.onProgress?.(position + 1, fresh.length);
  }
  db.optimise();
  const info: GenerationInfo = {
    schema: 1,
    id,
    backend: options.backend,
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.dimensions === undefined ? {} : { dimensions: options.dimensions }),
    episodes: sorted.length,
    chunks: db.chunkCount(),
  };
  db.close();
  store?.save(staging);
  store?.close();
  await writeJson(join(staging, "index.json"), info);
  await removeQuietly(folder);
  await rename(staging, folder);
  await switchCurrent(layout, id);
  await removeOthers(layout, id);
  return { info, changed: true, added: fresh.length, removed: stale.length };
}

async function copyGeneration(
  from: string,
  to: string,
  info: GenerationInfo,
): Promise<{ db: IndexDatabase; store: VectorStore | undefined }> {
  await copyFile(join(from, LEXICAL), join(to, LEXICAL));
  return {
    db: IndexDatabase.open(join(to, LEXICAL), false),
    store: info.dimensions === undefined ? undefined : openVectorStore(info.backend, from, info.dimensions, true),
  };
}

async function switchCurrent(layout: Layout, id: string): Promise<void> {
  const link = join(layout.indexDir, ".current");
  await removeQuietly(link);
  await symlink(id, link);
  await rename(link, join(layout.indexDir, "current"));
}

/** Older generations go; a reader that has one open keeps its files until it closes them. */
async function removeOthers(layout: Layout, id: string): Promise<void> {
  for (const name of await readdir(layout.indexDir)) {
    if (name !== id && name !== "current") await removeQuietly(join(layout.indexDir, name));
  }
}

/** Opens both halves of the current generation for reading. */
export async function openGeneration(
  layout: Layout,
): Promise<{ info: GenerationInfo; db: IndexDatabase; store: VectorStore | undefined }> {
  for (let attempt = 0; ; attempt++) {
    const folder = await currentGeneration(layout);
    if (folder === undefined) {
      throw new AppError("INDEX_MISSING", "There is no search index yet.", {
        hint: "`podcast run <feed>` fills it; `podcast index` builds it from what is there.",
      });
    }
    try {
      const info = await generationInfo(folder);
      const db = IndexDatabase.open(join(folder, LEXICAL), true);
      const store = info.dimensions === undefined ? undefined : openVectorStore(info.backend, folder, info.dimensions);
      return { info, db, store };
    } catch (error) {
      // Switched between the look-up and the opening: the new one is complete.
      if (attempt >= 2 || (await currentGeneration(layout)) === folder) throw error;
    }
  }
}
