import type { Layout } from "../layout.ts";
import { type GenerationInfo, openGeneration } from "./generation.ts";
import type { IndexDatabase, IndexRow, SearchFilters } from "./index-database.ts";
import { highlights, queryTerms } from "./terms.ts";
import type { VectorStore } from "./vector-store.ts";

export interface SearchOptions extends SearchFilters {
  limit?: number;
}

export interface SearchHit {
  score: number;
  feed: string;
  feed_title: string;
  episode: string;
  title: string;
  published: string;
  kind: IndexRow["kind"];
  speaker?: string;
  start_ms: number;
  end_ms: number;
  char_start: number;
  char_end: number;
  text: string;
  /** What is said just before and after. */
  context: { before: string; after: string };
  /** Code-point ranges of `text` that the query's words cover. */
  highlights: [number, number][];
  /** Rank in each half that found it, from 1. */
  ranks: { words?: number; meaning?: number };
}

/** Turns a query into a unit-length vector; absent where no embedding model is to be had. */
export type Embed = (text: string) => Promise<Float32Array>;

const CANDIDATES = 60;
/** Constant of reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009. */
const RRF = 60;
/** Filtered sets up to this size are scanned exactly; larger ones are searched wide and filtered after. */
const EXACT = 5000;

/** Hybrid search over one immutable generation; many may read at once. */
export class Searcher {
  readonly info: GenerationInfo;
  readonly #db: IndexDatabase;
  readonly #store: VectorStore | undefined;
  readonly #embed: Embed | undefined;

  private constructor(
    info: GenerationInfo,
    db: IndexDatabase,
    store: VectorStore | undefined,
    embed: Embed | undefined,
  ) {
    this.info = info;
    this.#db = db;
    this.#store = store;
    this.#embed = embed;
  }

  /** Opens the current generation. Throws INDEX_MISSING. */
  static async open(layout: Layout, embed?: Embed): Promise<Searcher> {
    const { info, db, store } = await openGeneration(layout);
    return new Searcher(info, db, store, embed);
  }

  /** True when meaning is searched beside words. */
  get semantic(): boolean {
    return this.#store !== undefined && this.#embed !== undefined;
  }

  close(): void {
    this.#db.close();
    this.#store?.close();
  }

  async search(query: string, options: SearchOptions = {}): Promise<SearchHit[]> {
    const { limit = 10, ...asked } = options;
    // A list of feeds that leaves none out is no filter, and costs as one.
    const filters = asked.feeds && this.#db.holdsOnly(asked.feeds) ? { ...asked, feeds: undefined } : asked;
    const terms = queryTerms(query);
    const words = this.#db.lexical(terms, filters, CANDIDATES);
    const meaning =
      this.#embed && this.#store && query.trim() !== "" ? this.#nearest(await this.#embed(query), filters) : [];
    const fused = fuse(words, meaning).slice(0, limit);
    return fused.flatMap(({ row, score, ranks }) => {
      const found = this.#db.row(row);
      return found ? [this.#hit(found, score, ranks, terms)] : [];
    });
  }

  #nearest(query: Float32Array, filters: SearchFilters): number[] {
    const filtered = Object.values(filters).some((value) => value !== undefined);
    if (!filtered) return this.#store?.search(query, CANDIDATES).map(({ id }) => id) ?? [];
    const few = this.#db.vectors(filters, EXACT);
    if (few !== undefined) {
      return few
        .map(({ row, vector }) => ({ row, similarity: product(query, vector) }))
        .sort((a, b) => b.similarity - a.similarity)
        .slice(0, CANDIDATES)
        .map(({ row }) => row);
    }
    const wide = this.#store?.search(query, CANDIDATES * 20).map(({ id }) => id) ?? [];
    const passing = this.#db.passing(wide, filters);
    return wide.filter((row) => passing.has(row)).slice(0, CANDIDATES);
  }

  #hit(row: IndexRow, score: number, ranks: SearchHit["ranks"], terms: readonly string[]): SearchHit {
    const entry = this.#db.episode(row.episode);
    return {
      score,
      feed: row.feed,
      feed_title: entry?.feedTitle ?? row.feed,
      episode: row.episode,
      title: entry?.title ?? row.episode,
      published: row.published,
      kind: row.kind,
      ...(row.speaker ? { speaker: row.speaker } : {}),
      start_ms: row.start_ms,
      end_ms: row.end_ms,
      char_start: row.char_start,
      char_end: row.char_end,
      text: row.text,
      context: { before: this.#db.neighbour(row, -1)?.text ?? "", after: this.#db.neighbour(row, 1)?.text ?? "" },
      highlights: highlights(row.text, terms),
      ranks,
    };
  }
}

/** Reciprocal rank fusion of two rankings. */
export function fuse(
  words: readonly number[],
  meaning: readonly number[],
): { row: number; score: number; ranks: SearchHit["ranks"] }[] {
  const found = new Map<number, { row: number; score: number; ranks: SearchHit["ranks"] }>();
  for (const [name, ranking] of [["words", words] as const, ["meaning", meaning] as const]) {
    for (const [position, row] of ranking.entries()) {
      const entry = found.get(row) ?? { row, score: 0, ranks: {} };
      entry.score += 1 / (RRF + position + 1);
      entry.ranks[name] = position + 1;
      found.set(row, entry);
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score || a.row - b.row);
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
