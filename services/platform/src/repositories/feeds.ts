import { sha256 } from "@podcast/base";
import { sql } from "kysely";
import type { Db, Tx } from "../database/database.ts";

/** A feed that is to be polled. */
export interface DueFeed {
  key: string;
  url: string;
}

/** Feeds whose time has come and that somebody follows (or an admin enabled for all). */
export async function dueFeeds(db: Db | Tx, limit: number): Promise<DueFeed[]> {
  return db
    .selectFrom("feeds")
    .select(["key", "url"])
    .where("next_poll_at", "<=", sql<Date>`now()`)
    .where((eb) =>
      eb.or([
        eb("enabled_for_all", "=", true),
        eb.exists(
          eb.selectFrom("subscriptions").select("feed_key").whereRef("subscriptions.feed_key", "=", "feeds.key"),
        ),
      ]),
    )
    .orderBy("next_poll_at")
    .limit(limit)
    .execute();
}

/** A feed by any address that ever led to it. */
export async function feedByUrl(db: Db | Tx, url: string) {
  return db.selectFrom("feeds").selectAll().where(sql<boolean>`urls @> ARRAY[${url}]::text[]`).executeTakeFirst();
}

export interface PollOutcome {
  changed: boolean;
  etag?: string | undefined;
  lastModified?: string | undefined;
  ttlMinutes?: number | undefined;
  error?: { code: string; message: string; retryAfterS?: number | undefined };
}

const SHORTEST_S = 15 * 60;
const LONGEST_S = 24 * 3600;

/**
 * When to look again, seconds. A feed that changed is looked at sooner, one that did not later; its own `ttl` and the
 * host's Retry-After are never undercut; failures double the wait.
 */
export function nextInterval(
  held: { interval: number; failures: number },
  outcome: PollOutcome,
  shortest = SHORTEST_S,
): number {
  const floor = Math.max(shortest, (outcome.ttlMinutes ?? 0) * 60);
  if (outcome.error)
    return Math.max(outcome.error.retryAfterS ?? 0, Math.min(LONGEST_S, floor * 2 ** Math.min(10, held.failures)));
  const next = outcome.changed ? held.interval / 2 : held.interval * 1.25;
  return Math.round(Math.max(floor, Math.min(LONGEST_S, next)));
}

/** Notes how a poll ended and plans the next, with jitter so that feeds do not fall into step. */
export async function notePoll(tx: Tx, key: string, outcome: PollOutcome, shortest?: number): Promise<void> {
  const feed = await tx
    .selectFrom("feeds")
    .select(["poll_interval_s", "failures"])
    .where("key", "=", key)
    .forUpdate()
    .executeTakeFirst();
  if (feed === undefined) return;
  const failures = outcome.error ? feed.failures + 1 : 0;
  const interval = nextInterval({ interval: feed.poll_interval_s, failures }, outcome, shortest);
  const wait = interval * (0.9 + Math.random() * 0.2);
  await tx
    .updateTable("feeds")
    .set({
      failures,
      poll_interval_s: Math.round(outcome.error ? feed.poll_interval_s : interval),
      next_poll_at: sql<Date>`now() + make_interval(secs => ${wait})`,
      last_polled_at: sql<Date>`now()`,
      error_code: outcome.error?.code ?? null,
      error: outcome.error?.message ?? null,
      ...(outcome.changed ? { last_changed_at: sql<Date>`now()` } : {}),
      ...(outcome.error
        ? {}
        : {
            etag: outcome.etag ?? null,
            last_modified: outcome.lastModified ?? null,
            ttl_minutes: outcome.ttlMinutes ?? null,
          }),
    })
    .where("key", "=", key)
    .execute();
}

/** Key of a feed that nobody has read yet: its own comes with its title. */
export function provisionalKey(url: string): string {
  return `pending-${sha256(url).slice(0, 16)}`;
}

/** The feed of an address: the known one, or a new row that the next poll fills. */
export async function ensureFeed(tx: Tx, url: string): Promise<{ key: string; created: boolean }> {
  const known = await feedByUrl(tx, url);
  if (known) return { key: known.key, created: false };
  const key = provisionalKey(url);
  const row = await tx
    .insertInto("feeds")
    .values({ key, url, urls: [url], title: url, overrides: "{}" })
    .onConflict((conflict) => conflict.column("key").doNothing())
    .returning("key")
    .executeTakeFirst();
  return { key, created: row !== undefined };
}

/**
 * Gives a feed the key that its content says. Where another row has it, that one takes over what hangs on this one.
 * Returns the key that holds from now on.
 */
export async function settleFeedKey(tx: Tx, held: string, real: string): Promise<string> {
  if (held === real) return real;
  const other = await tx.selectFrom("feeds").select("key").where("key", "=", real).forUpdate().executeTakeFirst();
  if (other === undefined) {
    await tx
      .updateTable("feeds")
      .set({ key: real, aliases: sql<string[]>`aliases || ${[held]}::text[]` })
      .where("key", "=", held)
      .execute();
    return real;
  }
  for (const table of ["subscriptions", "entitlements"] as const)
    await sql`
      INSERT INTO ${sql.table(table)} SELECT (jsonb_populate_record(t, jsonb_build_object('feed_key', ${real}::text))).*
      FROM ${sql.table(table)} t WHERE feed_key = ${held} ON CONFLICT DO NOTHING`.execute(tx);
  await sql`UPDATE jobs SET feed_key = ${real} WHERE feed_key = ${held}`.execute(tx);
  await sql`
    UPDATE feeds f SET urls = (SELECT array_agg(DISTINCT u) FROM unnest(f.urls || o.urls) u), aliases = f.aliases || o.aliases || ${[held]}::text[]
    FROM feeds o WHERE f.key = ${real} AND o.key = ${held}`.execute(tx);
  await tx.deleteFrom("feeds").where("key", "=", held).execute();
  return real;
}
