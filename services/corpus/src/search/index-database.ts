import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Chunk } from "../artifacts/schemas.ts";
import { matchExpression, searchable } from "./terms.ts";

/** One chunk as the index keeps it. */
export interface IndexRow extends Chunk {
  row: number;
  feed: string;
  episode: string;
  published: string;
}

export interface IndexedEpisode {
  feed: string;
  episode: string;
  feedTitle: string;
  title: string;
  published: string;
  /** Hash of the chunks: the same hash is the same content. */
  digest: string;
}

export interface SearchFilters {
  feed?: string | undefined;
  /** Any of these: what somebody may read. */
  feeds?: readonly string[] | undefined;
  episode?: string | undefined;
  speaker?: string | undefined;
  kind?: Chunk["kind"] | undefined;
  /** ISO dates, inclusive. */
  since?: string | undefined;
  until?: string | undefined;
}

const SCHEMA = `
  CREATE TABLE episodes(feed TEXT, episode TEXT PRIMARY KEY, feed_title TEXT, title TEXT, published TEXT, digest TEXT) WITHOUT ROWID;
  CREATE TABLE chunks(row INTEGER PRIMARY KEY, feed TEXT, episode TEXT, id INTEGER, kind TEXT, speaker TEXT, published TEXT,
    start_ms INTEGER, end_ms INTEGER, char_start INTEGER, char_end INTEGER, text TEXT);
  CREATE INDEX chunks_episode ON chunks(episode, kind, id);
  CREATE TABLE vectors(row INTEGER PRIMARY KEY, vector BLOB);
  CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');
`;

/** Chunks from which on a word is too common to rank by. */
const COMMON = 4000;

/** The lexical half of an index generation, and the rows that both halves point to. */
export class IndexDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Chunks that hold a word, counted up to {@link COMMON}. A generation that is searched does not change. */
  /** Feeds of the generation. */
  #feeds: string[] | undefined;
  readonly #frequencies = new Map<string, number>();

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  static create(path: string): IndexDatabase {
    const db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;");
    db.exec(SCHEMA);
    return new IndexDatabase(db);
  }

  static open(path: string, readOnly: boolean): IndexDatabase {
    const db = new DatabaseSync(path, { readOnly });
    if (!readOnly) db.exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;");
    else db.exec("PRAGMA mmap_size=1073741824; PRAGMA cache_size=-32768;");
    return new IndexDatabase(db);
  }

  close(): void {
    this.#db.close();
  }

  transaction(work: () => void): void {
    this.#db.exec("BEGIN");
    work();
    this.#db.exec("COMMIT");
  }

  /** Puts an episode in and returns the rows that its chunks got. */
  add(entry: IndexedEpisode, chunks: readonly Chunk[], vectors: readonly Float32Array[] | undefined): number[] {
    this.#run(
      "INSERT INTO episodes VALUES(?,?,?,?,?,?)",
      entry.feed,
      entry.episode,
      entry.feedTitle,
      entry.title,
      entry.published,
      entry.digest,
    );
    const start = (this.#get("SELECT coalesce(max(row), 0) AS top FROM chunks") as { top: number }).top;
    return chunks.map((chunk, position) => {
      const row = start + position + 1;
      this.#run(
        "INSERT INTO chunks VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        row,
        entry.feed,
        entry.episode,
        chunk.id,
        chunk.kind,
        chunk.speaker ?? null,
        entry.published,
        chunk.start_ms,
        chunk.end_ms,
        chunk.char_start,
        chunk.char_end,
        chunk.text,
      );
      this.#run("INSERT INTO words(rowid, text) VALUES(?,?)", row, searchable(chunk.text));
      const vector = vectors?.[position];
      if (vector)
        this.#run(
          "INSERT INTO vectors VALUES(?,?)",
          row,
          new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength),
        );
      return row;
    });
  }

  /** Takes an episode out and returns the rows that are gone. */
  remove(episode: string): number[] {
    const rows = (this.#all("SELECT row FROM chunks WHERE episode=?", episode) as { row: number }[]).map(
      ({ row }) => row,
    );
    for (const row of rows) {
      this.#run("DELETE FROM words WHERE rowid=?", row);
      this.#run("DELETE FROM vectors WHERE row=?", row);
    }
    this.#run("DELETE FROM chunks WHERE episode=?", episode);
    this.#run("DELETE FROM episodes WHERE episode=?", episode);
    return rows;
  }

  episodes(): IndexedEpisode[] {
    return this.#all(
      "SELECT feed, episode, feed_title AS feedTitle, title, published, digest FROM episodes ORDER BY episode",
    ) as unknown as IndexedEpisode[];
  }

  episode(key: string): IndexedEpisode | undefined {
    return this.#get(
      "SELECT feed, episode, feed_title AS feedTitle, title, published, digest FROM episodes WHERE episode=?",
      key,
    ) as IndexedEpisode | undefined;
  }

  chunkCount(): number {
    return (this.#get("SELECT count(*) AS count FROM chunks") as { count: number }).count;
  }

  /**
   * Rows by BM25, best first. Words that stand in very many chunks cost much to rank by and tell little: they count
   * only where no rarer word is in the query or finds anything; the newest chunks with all of them come first then.
   */
  lexical(terms: readonly string[], filters: SearchFilters, limit: number): number[] {
    if (terms.length === 0) return [];
    const { where, values } = condition(filters);
    const rare = terms.filter((term) => !this.#isCommon(term));
    const from =
      where === ""
        ? "FROM words WHERE words MATCH ?"
        : `FROM words JOIN chunks ON chunks.row = words.rowid WHERE words MATCH ? AND ${where}`;
    const find = (expression: string, order: string) =>
      (
        this.#all(`SELECT words.rowid AS row ${from} ORDER BY ${order} LIMIT ?`, expression, ...values, limit) as {
          row: number;
        }[]
      ).map(({ row }) => row);
    const ranked = rare.length === 0 ? [] : find(matchExpression(rare), "rank");
    if (ranked.length > 0 || rare.length === terms.length) return ranked;
    const common = terms.filter((term) => !rare.includes(term));
    return find(matchExpression(common, "AND"), "words.rowid DESC");
  }

  /** Whether every chunk is of one of these feeds. */
  holdsOnly(feeds: readonly string[]): boolean {
    this.#feeds ??= (this.#all("SELECT DISTINCT feed FROM episodes") as { feed: string }[]).map(({ feed }) => feed);
    const given = new Set(feeds);
    return this.#feeds.every((feed) => given.has(feed));
  }

  #isCommon(term: string): boolean {
    let count = this.#frequencies.get(term);
    if (count === undefined) {
      const found = this.#get(
        "SELECT count(*) AS count FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)",
        matchExpression([term]),
        COMMON,
      ) as { count: number };
      count = found.count;
      if (this.#frequencies.size > 20_000) this.#frequencies.clear();
      this.#frequencies.set(term, count);
    }
    return count >= COMMON;
  }

  /** Which of these rows pass the filters. */
  passing(rows: readonly number[], filters: SearchFilters): Set<number> {
    const { where, values } = condition(filters);
    const sql = `SELECT row FROM chunks WHERE row IN (SELECT value FROM json_each(?))${where && ` AND ${where}`}`;
    return new Set((this.#all(sql, JSON.stringify(rows), ...values) as { row: number }[]).map(({ row }) => row));
  }

  /** Vectors of all rows that pass, when there are at most `most`. */
  vectors(filters: SearchFilters, most: number): { row: number; vector: Float32Array }[] | undefined {
    const { where, values } = condition(filters);
    if (where === "") return undefined;
    const rows = this.#all(`SELECT row FROM chunks WHERE ${where} LIMIT ?`, ...values, most + 1) as { row: number }[];
    if (rows.length > most) return undefined;
    return rows.flatMap(({ row }) => {
      const found = this.vector(row);
      return found ? [{ row, vector: found }] : [];
    });
  }

  vector(row: number): Float32Array | undefined {
    const found = this.#get("SELECT vector FROM vectors WHERE row=?", row) as { vector: Uint8Array } | undefined;
    return found && new Float32Array(found.vector.slice().buffer);
  }

  row(row: number): IndexRow | undefined {
    return this.#get("SELECT * FROM chunks WHERE row=?", row) as IndexRow | undefined;
  }

  /** The chunk of the same kind before or after. */
  neighbour(row: IndexRow, step: 1 | -1): IndexRow | undefined {
    return this.#get(
      "SELECT * FROM chunks WHERE episode=? AND kind=? AND id=?",
      row.episode,
      row.kind,
      row.id + step,
    ) as IndexRow | undefined;
  }

  /** Compacts the words table: fewer pages to read for each query. */
  optimise(): void {
    this.#db.exec("INSERT INTO words(words) VALUES('optimize')");
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepare(sql).run(...values);
  }
  #all(sql: string, ...values: SQLInputValue[]): unknown[] {
    return this.#prepare(sql).all(...values);
  }
  #get(sql: string, ...values: SQLInputValue[]): unknown {
    return this.#prepare(sql).get(...values);
  }
}

function condition(filters: SearchFilters): { where: string; values: string[] } {
  const parts: string[] = [];
  const values: string[] = [];
  const add = (sql: string, value: string | undefined) => {
    if (value === undefined) return;
    parts.push(sql);
    values.push(value);
  };
  add("chunks.feed = ?", filters.feed);
  add("chunks.feed IN (SELECT value FROM json_each(?))", filters.feeds && JSON.stringify(filters.feeds));
  add("chunks.episode = ?", filters.episode);
  add("chunks.speaker = ? COLLATE NOCASE", filters.speaker);
  add("chunks.kind = ?", filters.kind);
  add("chunks.published >= ?", filters.since);
  add("chunks.published < ? || '~'", filters.until);
  return { where: parts.join(" AND "), values };
}
