import { type Database, type Db, decodeCursor, encodeCursor, type Principal } from "@podcast/platform";
import { type SqlBool, sql } from "kysely";
import type {
  EpisodeItem,
  EpisodeQuery,
  Facets,
  FeedItem,
  GraphQuery,
  InsightItem,
  InsightQuery,
  Library,
  Neighbourhood,
  Page,
  PageQuery,
} from "./library.ts";

/** The library of a tenant: row-level security and the entitlement view decide what it sees. */
export class PostgresLibrary implements Library {
  readonly #database: Database;
  readonly #counts = new EpisodeCounts();
  readonly #readable = new Map<string, { at: number; feeds: Promise<ReadonlySet<string>> }>();

  constructor(database: Database) {
    this.#database = database;
  }

  async feeds(principal: Principal, query: PageQuery & { q?: string | undefined }): Promise<Page<FeedItem>> {
    const after = query.cursor ? decodeCursor(query.cursor, ["string", "string"]) : undefined;
    const rows = await this.#feedRows(principal, { after, limit: query.limit + 1, q: query.q });
    const items = rows.slice(0, query.limit);
    const last = items.at(-1);
    return {
      items,
      next_cursor: rows.length > query.limit && last ? encodeCursor([last.title.toLowerCase(), last.key]) : null,
    };
  }

  async feed(principal: Principal, key: string): Promise<FeedItem | undefined> {
    return (await this.#feedRows(principal, { key, limit: 1 }))[0];
  }

  async #feedRows(
    principal: Principal,
    by: { key?: string; q?: string | undefined; after?: (string | number)[] | undefined; limit: number },
  ): Promise<FeedItem[]> {
    return this.#database.readAs(principal.tenantId, async (tx) => {
      const { rows } = await sql<Record<string, never>>`
        SELECT f.key, f.title, f.url, f.description, f.author, f.language, f.link, f.image, f.categories, f.enabled_for_all,
          f.last_polled_at, f.next_poll_at, f.error_code, f.error,
          EXISTS (SELECT FROM subscriptions s WHERE s.feed_key = f.key AND s.tenant_id = app_tenant()) AS subscribed
        FROM feeds f
        WHERE f.key IN (SELECT key FROM readable_feeds)
          ${by.key === undefined ? sql`` : sql`AND (f.key = ${by.key} OR f.aliases @> ARRAY[${by.key}]::text[])`}
          ${by.q ? sql`AND f.title ILIKE ${like(by.q)}` : sql``}
          ${by.after ? sql`AND (lower(f.title), f.key) > (${by.after[0]}, ${by.after[1]})` : sql``}
        ORDER BY lower(f.title), f.key LIMIT ${by.limit}`.execute(tx);
      const counts = await this.#counts.of(tx);
      return rows.map((row) =>
        feedItem({ ...row, ...(counts.get(String(row.key)) ?? { episodes: 0, done: 0 }) } as never),
      );
    });
  }

  async episodes(principal: Principal, query: EpisodeQuery): Promise<Page<EpisodeItem>> {
    const after = query.cursor ? decodeCursor(query.cursor, ["date", "string"]) : undefined;
    const conditions: ReturnType<typeof sql<SqlBool>>[] = [];
    if (query.feed) conditions.push(sql`e.feed_key = ${query.feed}`);
    if (query.state) conditions.push(sql`e.state = ${query.state}`);
    if (query.q) conditions.push(sql`e.title ILIKE ${like(query.q)}`);
    if (query.since) conditions.push(sql`e.published >= ${query.since}::timestamptz`);
    if (query.until) conditions.push(sql`e.published <= ${query.until}::timestamptz`);
    if (query.label)
      conditions.push(
        sql`EXISTS (SELECT FROM labels l WHERE l.episode_key = e.key AND l.label = ${query.label} AND l.tenant_id = app_tenant())`,
      );
    if (after) conditions.push(sql`(e.published, e.key) < (${after[0]}::timestamptz, ${after[1]})`);
    const rows = await this.#episodeRows(principal, conditions, query.limit + 1);
    const items = rows.slice(0, query.limit);
    const last = items.at(-1);
    return {
      items,
      next_cursor: rows.length > query.limit && last ? encodeCursor([last.published, last.key]) : null,
    };
  }

  async episode(principal: Principal, key: string): Promise<EpisodeItem | undefined> {
    return (await this.#episodeRows(principal, [sql`e.key = ${key}`], 1))[0];
  }

  async #episodeRows(
    principal: Principal,
    conditions: readonly ReturnType<typeof sql<SqlBool>>[],
    limit: number,
  ): Promise<EpisodeItem[]> {
    return this.#database.readAs(principal.tenantId, async (tx) => {
      const { rows } = await sql<Record<string, never>>`
        WITH page AS MATERIALIZED (
          SELECT e.* FROM episodes e
          WHERE e.feed_key IN (SELECT key FROM readable_feeds)
            ${conditions.length > 0 ? sql`AND ${sql.join([...conditions], sql` AND `)}` : sql``}
          ORDER BY e.published DESC, e.key DESC LIMIT ${limit})
        SELECT e.key, e.feed_key, f.title AS feed_title, e.title, e.description, e.published, e.duration_ms, e.link,
          coalesce(e.image, f.image) AS image, e.state, e.stage, e.flags, e.error_code, e.error, e.next_retry_at,
          CASE WHEN e.state IN ('done','pending','paused') THEN NULL ELSE
            (SELECT j.progress FROM jobs j WHERE j.episode_key = e.key AND j.state = 'running' LIMIT 1) END AS progress,
          (SELECT count(*)::int FROM insights i WHERE i.episode_key = e.key) AS insights,
          ARRAY(SELECT l.label FROM labels l WHERE l.episode_key = e.key AND l.tenant_id = app_tenant() ORDER BY l.label) AS labels
        FROM page e JOIN feeds f ON f.key = e.feed_key
        ORDER BY e.published DESC, e.key DESC`.execute(tx);
      return rows.map(episodeItem);
    });
  }

  /** Asked anew at most once a second and tenant: each search, and each letter that is typed, wants it. */
  async readable({ tenantId }: Principal): Promise<ReadonlySet<string>> {
    const held = this.#readable.get(tenantId);
    if (held !== undefined && Date.now() - held.at < READABLE_MS) return held.feeds;
    const feeds = this.#database
      .readAs(tenantId, (tx) => tx.selectFrom("readable_feeds").select("key").execute())
      .then((rows) => new Set(rows.map((row) => row.key)));
    if (this.#readable.size > 1000) this.#readable.clear();
    this.#readable.set(tenantId, { at: Date.now(), feeds });
    feeds.catch(() => this.#readable.delete(tenantId));
    return feeds;
  }

  async insights(principal: Principal, query: InsightQuery): Promise<Page<InsightItem>> {
    const after = query.cursor ? decodeCursor(query.cursor, ["number", "string", "string"]) : undefined;
    return this.#database.readAs(principal.tenantId, async (tx) => {
      const { rows } = await sql<InsightItem & { published: Date }>`
        WITH page AS MATERIALIZED (
          SELECT i.*, e.title AS episode_title, e.feed_key, e.published
          FROM insights i JOIN episodes e ON e.key = i.episode_key
          WHERE e.feed_key IN (SELECT key FROM readable_feeds)
            ${query.feed ? sql`AND e.feed_key = ${query.feed}` : sql``}
            ${query.episode ? sql`AND i.episode_key = ${query.episode}` : sql``}
            ${query.topic ? sql`AND lower(i.topic) = ${query.topic.toLowerCase()}` : sql``}
            ${query.speaker ? sql`AND lower(i.speaker) = ${query.speaker.toLowerCase()}` : sql``}
            ${query.type ? sql`AND i.type = ${query.type}` : sql``}
            ${after ? sql`AND (i.salience < ${after[0]}::real OR (i.salience = ${after[0]}::real AND (i.episode_key, i.id) > (${after[1]}, ${after[2]})))` : sql``}
          ORDER BY i.salience DESC, i.episode_key, i.id LIMIT ${query.limit + 1})
        SELECT p.id, p.episode_key AS episode, p.episode_title, p.feed_key AS feed, f.title AS feed_title, p.published,
          p.text, p.type, p.salience, p.topic, p.speaker, p.grounded,
          coalesce((SELECT json_agg(json_build_object('text', q.text, 'speaker', q.speaker, 'start_ms', q.start_ms, 'end_ms', q.end_ms,
              'char_start', q.char_start, 'char_end', q.char_end) ORDER BY q.start_ms)
            FROM insight_support s JOIN quotes q ON q.episode_key = s.episode_key AND q.fingerprint = s.fingerprint AND q.id = s.quote_id
            WHERE s.episode_key = p.episode_key AND s.fingerprint = p.fingerprint AND s.insight_id = p.id), '[]') AS quotes
        FROM page p JOIN feeds f ON f.key = p.feed_key
        ORDER BY p.salience DESC, p.episode_key, p.id`.execute(tx);
      const items = rows.slice(0, query.limit).map((row) => ({ ...row, published: row.published.toISOString() }));
      const last = items.at(-1);
      return {
        items,
        next_cursor: rows.length > query.limit && last ? encodeCursor([last.salience, last.episode, last.id]) : null,
      };
    });
  }

  async facets(principal: Principal, query: { feed?: string | undefined }): Promise<Facets> {
    return this.#database.readAs(principal.tenantId, async (tx) => {
      const by = async (column: "topic" | "speaker" | "type") => {
        const { rows } = await sql<{ value: string; insights: number }>`
          SELECT min(i.${sql.ref(column)}) AS value, count(*)::int AS insights
          FROM insights i JOIN episodes e ON e.key = i.episode_key
          WHERE e.feed_key IN (SELECT key FROM readable_feeds) AND i.${sql.ref(column)} IS NOT NULL
            ${query.feed ? sql`AND e.feed_key = ${query.feed}` : sql``}
          GROUP BY lower(i.${sql.ref(column)}) ORDER BY count(*) DESC, 1 LIMIT ${MOST_FACETS}`.execute(tx);
        return rows;
      };
      return { topics: await by("topic"), speakers: await by("speaker"), types: await by("type") };
    });
  }

  async graph(principal: Principal, query: GraphQuery): Promise<Neighbourhood> {
    return this.#database.readAs(principal.tenantId, async (tx) => {
      const readable = sql`SELECT e.key FROM episodes e WHERE e.feed_key IN (SELECT key FROM readable_feeds)`;
      let wanted: string[];
      if (query.node === undefined) {
        const { rows } = await sql<{ id: string }>`
          SELECT n.id FROM kg_nodes n WHERE n.episode_key IN (${readable})
            ${query.type ? sql`AND lower(n.type) = ${query.type.toLowerCase()}` : sql`AND n.type NOT IN ('Episode', 'Podcast')`}
            ${query.q ? sql`AND n.label ILIKE ${like(query.q)}` : sql``}
          GROUP BY n.id ORDER BY count(*) DESC, n.id LIMIT ${query.limit}`.execute(tx);
        wanted = rows.map((row) => row.id);
      } else {
        const { rows } = await sql<{ id: string }>`
          WITH RECURSIVE reach(id, depth) AS (
            SELECT ${query.node}::text, 0
            UNION
            SELECT CASE WHEN g.source = r.id THEN g.target ELSE g.source END, r.depth + 1
            FROM reach r JOIN kg_edges g ON (g.source = r.id OR g.target = r.id)
            WHERE r.depth < ${query.depth} AND g.episode_key IN (${readable}))
          SELECT id FROM reach GROUP BY id ORDER BY min(depth), id LIMIT ${query.limit}`.execute(tx);
        wanted = rows.map((row) => row.id);
      }
      const { rows: nodes } = await sql<Neighbourhood["nodes"][number]>`
        SELECT n.id, min(n.type) AS type, min(n.label) AS label, count(DISTINCT n.episode_key)::int AS episodes
        FROM kg_nodes n WHERE n.id = ANY(${wanted}::text[]) AND n.episode_key IN (${readable}) GROUP BY n.id ORDER BY n.id`.execute(
        tx,
      );
      const ids = nodes.map((node) => node.id);
      const { rows: edges } = await sql<Neighbourhood["edges"][number]>`
        SELECT g.type, g.source, g.target, count(*)::float AS weight FROM kg_edges g
        WHERE g.source = ANY(${ids}::text[]) AND g.target = ANY(${ids}::text[]) AND g.episode_key IN (${readable})
        GROUP BY g.type, g.source, g.target ORDER BY g.source, g.target, g.type LIMIT 5000`.execute(tx);
      // What one episode speaks of belongs together even where the episode itself is not asked for.
      if (query.node === undefined) edges.push(...(await this.#together(tx, ids)));
      return { nodes, edges, truncated: wanted.length >= query.limit };
    });
  }

  async #together(tx: Db, ids: string[]): Promise<Neighbourhood["edges"]> {
    const { rows } = await sql<Neighbourhood["edges"][number]>`
      SELECT 'TOGETHER' AS type, a.id AS source, b.id AS target, count(*)::float AS weight
      FROM kg_nodes a JOIN kg_nodes b ON b.episode_key = a.episode_key AND b.id > a.id
      WHERE a.id = ANY(${ids}::text[]) AND b.id = ANY(${ids}::text[])
        AND a.episode_key IN (SELECT e.key FROM episodes e WHERE e.feed_key IN (SELECT key FROM readable_feeds))
      GROUP BY a.id, b.id ORDER BY count(*) DESC, a.id, b.id LIMIT 2000`.execute(tx);
    return rows;
  }
}

const MOST_FACETS = 100;
const COUNTS_MS = 1000;
const READABLE_MS = 1000;

/** Episodes of each feed: the catalogue's figures, the same for everybody; counted at most once a second. */
class EpisodeCounts {
  #at = 0;
  #counts: Promise<Map<string, { episodes: number; done: number }>> | undefined;

  of(db: Db): Promise<Map<string, { episodes: number; done: number }>> {
    if (this.#counts === undefined || Date.now() - this.#at > COUNTS_MS) {
      this.#at = Date.now();
      this.#counts = sql<{ feed_key: string; episodes: number; done: number }>`
        SELECT feed_key, count(*)::int AS episodes, count(*) FILTER (WHERE state = 'done')::int AS done FROM episodes GROUP BY feed_key`
        .execute(db)
        .then(({ rows }) => new Map(rows.map(({ feed_key, ...counts }) => [feed_key, counts])));
      this.#counts.catch(() => {
        this.#counts = undefined;
      });
    }
    return this.#counts;
  }
}

function like(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}

function iso(value: Date | null): string | null {
  return value === null ? null : value.toISOString();
}

function feedItem(row: Record<string, never>): FeedItem {
  const { image, error_code, error, last_polled_at, next_poll_at, ...rest } = row as unknown as Omit<
    FeedItem,
    "cover" | "error" | "last_polled_at" | "next_poll_at"
  > & {
    image: string | null;
    error_code: string | null;
    error: string | null;
    last_polled_at: Date | null;
    next_poll_at: Date | null;
  };
  return {
    ...rest,
    cover: image === null ? null : `/api/feeds/${encodeURIComponent(rest.key)}/cover`,
    last_polled_at: iso(last_polled_at),
    next_poll_at: iso(next_poll_at),
    error: error_code === null ? null : { code: error_code, message: error ?? "" },
  };
}

function episodeItem(row: Record<string, never>): EpisodeItem {
  const { image, error_code, error, published, next_retry_at, feed_key, ...rest } = row as unknown as Omit<
    EpisodeItem,
    "cover" | "error" | "published" | "next_retry_at" | "feed"
  > & {
    image: string | null;
    error_code: string | null;
    error: string | null;
    published: Date;
    next_retry_at: Date | null;
    feed_key: string;
  };
  return {
    ...rest,
    feed: feed_key,
    published: published.toISOString(),
    cover: image === null ? null : `/api/feeds/${encodeURIComponent(feed_key)}/cover`,
    next_retry_at: iso(next_retry_at),
    error: error_code === null ? null : { code: error_code, message: error ?? "" },
  };
}
