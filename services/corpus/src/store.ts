import { readdir, readFile } from "node:fs/promises";
import { AppError, isMissing, readJson } from "@podcast/base";
import type { z } from "zod";
import { Asr, Chunks, Cuts, Episode, Feed, Manifest, Summary, Transcript, Turns } from "./artifacts/schemas.ts";
import { type EpisodeLayout, Layout } from "./layout.ts";

/** An episode's address in a corpus. */
export interface EpisodeRef {
  feed: string;
  episode: string;
}

/** Reads artifacts of one episode, checked against their schemas. */
export class EpisodeReader {
  readonly files: EpisodeLayout;

  constructor(files: EpisodeLayout) {
    this.files = files;
  }

  metadata = () => read(this.files.metadata, Episode);
  manifest = () => read(this.files.manifest, Manifest);
  asr = () => read(this.files.file("asr.json"), Asr);
  turns = () => read(this.files.file("turns.json"), Turns);
  cuts = () => read(this.files.file("cuts.json"), Cuts);
  transcript = () => read(this.files.file("transcript.json"), Transcript);
  summary = () => read(this.files.file("summary.json"), Summary);
  chunks = () => read(this.files.file("chunks.json"), Chunks);
  gi = () => readJson<GraphFile>(this.files.file("gi.json"));
  kg = () => readJson<GraphFile>(this.files.file("kg.json"));

  /** The plain text that offsets refer to. */
  async text(): Promise<string | undefined> {
    try {
      return await readFile(this.files.file("transcript.txt"), "utf8");
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}

export interface GraphNode {
  id: string;
  type: string;
  properties: Record<string, unknown>;
  confidence?: number;
}
export interface GraphEdge {
  type: string;
  from: string;
  to: string;
  properties?: Record<string, unknown>;
}
export interface GraphFile {
  schema_version: string;
  episode_id: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** A corpus on disk, for reading. */
export class Corpus {
  readonly layout: Layout;

  constructor(root: string) {
    this.layout = new Layout(root);
  }

  async feeds(): Promise<Feed[]> {
    const keys = await list(this.layout.feedsDir);
    const feeds = await Promise.all(keys.map((key) => read(this.layout.feedFile(key), Feed)));
    return feeds.filter((feed) => feed !== undefined);
  }

  /** All episodes, sorted by key: the order never depends on the file system. */
  async episodes(): Promise<EpisodeRef[]> {
    const refs: EpisodeRef[] = [];
    for (const feed of await list(this.layout.feedsDir)) {
      for (const episode of await list(this.layout.episodesDir(feed))) refs.push({ feed, episode });
    }
    return refs;
  }

  open(ref: EpisodeRef): EpisodeReader {
    return new EpisodeReader(this.layout.episode(ref.feed, ref.episode));
  }

  /** The episode with this key, or whose key begins with it. */
  async find(key: string): Promise<EpisodeRef> {
    const refs = await this.episodes();
    const exact = refs.filter((ref) => ref.episode === key);
    const matches = exact.length > 0 ? exact : refs.filter((ref) => ref.episode.startsWith(key));
    if (matches.length === 1) return matches[0] as EpisodeRef;
    throw new AppError(
      "ARTIFACT_MISSING",
      matches.length === 0
        ? `No episode has the key ${key}.`
        : `${matches.length} episodes have a key that begins with ${key}.`,
    );
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function read<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T> | undefined> {
  const raw = await readJson(path);
  if (raw === undefined) return undefined;
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const where = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new AppError("ARTIFACT_INVALID", `${path} does not have the expected shape (${where.join("; ")}).`);
}
