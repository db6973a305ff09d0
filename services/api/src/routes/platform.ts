import { AppError } from "@podcast/base";
import { opmlFeeds } from "@podcast/corpus";
import { CHAIN_STAGES, isStageName, STAGE_NAMES } from "@podcast/pipeline/plan";
import {
  cancelJob,
  createJob,
  type Database,
  decodeCursor,
  encodeCursor,
  ensureFeed,
  JOB_STATES,
  type Principal,
  QUEUES,
  queueStats,
} from "@podcast/platform";
import { type SqlBool, sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";
import { pageOf } from "../library/library.ts";
import { found, Key, PageParameters } from "./library.ts";

export const JobItem = z.object({
  id: z.string(),
  queue: z.string(),
  name: z.string(),
  episode: z.string().nullable(),
  feed: z.string().nullable(),
  state: z.string(),
  stage: z.string().nullable(),
  start_stage: z.string().nullable(),
  end_stage: z.string().nullable(),
  progress: z.number(),
  attempt: z.number().int(),
  crashes: z.number().int(),
  correlation_id: z.string(),
  requested_by: z.string(),
  worker: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  run_after: z.string().nullable(),
});
const JobDetail = JobItem.extend({
  result: z.record(z.string(), z.unknown()).nullable(),
  events: z.array(
    z.object({
      id: z.number(),
      at: z.string(),
      kind: z.string(),
      from: z.string().nullable(),
      to: z.string().nullable(),
      stage: z.string().nullable(),
      worker: z.string().nullable(),
      detail: z.record(z.string(), z.unknown()),
    }),
  ),
});
type JobItem = z.infer<typeof JobItem>;

const FeedUrl = z
  .string()
  .trim()
  .min(4)
  .max(2000)
  .refine((text) => URL.canParse(addressOf(text)) && /^https?:/.test(addressOf(text)), "is not the address of a feed");

/** Subscriptions and jobs: what a tenant wants, and what is done about it. */
export function platformRoutes(api: Api, context: ApiContext): void {
  const database = context.database as Database;
  const tags = ["Platform"];

  const Subscription = z.object({ feed: z.string(), url: z.string(), title: z.string(), created_at: z.string() });
  api.get(
    "/api/subscriptions",
    {
      schema: {
        tags,
        summary: "What this tenant follows",
        response: { 200: z.object({ items: z.array(Subscription) }) },
      },
    },
    async (request) => {
      const rows = await database.asTenant(request.principal.tenantId, (tx) =>
        tx
          .selectFrom("subscriptions")
          .innerJoin("feeds", "feeds.key", "subscriptions.feed_key")
          .select(["feeds.key as feed", "feeds.url", "feeds.title", "subscriptions.created_at"])
          .orderBy("feeds.title")
          .execute(),
      );
      return { items: rows.map((row) => ({ ...row, created_at: row.created_at.toISOString() })) };
    },
  );
  const Added = z.object({ items: z.array(z.object({ url: z.string(), feed: z.string(), created: z.boolean() })) });
  const subscribe = async (principal: Principal, urls: readonly string[], correlationId: string) => {
    const items: z.infer<typeof Added>["items"] = [];
    for (const url of new Set(urls.map(addressOf))) {
      items.push(
        await database.asTenant(principal.tenantId, async (tx) => {
          const feed = await ensureFeed(tx, url);
          const row = await tx
            .insertInto("subscriptions")
            .values({ tenant_id: principal.tenantId, feed_key: feed.key })
            .onConflict((conflict) => conflict.columns(["tenant_id", "feed_key"]).doNothing())
            .returning("feed_key")
            .executeTakeFirst();
          if (feed.created)
            await createJob(tx, {
              queue: "ingest",
              name: "poll_feed",
              dedupe: `poll:${feed.key}`,
              feedKey: feed.key,
              correlationId,
              requestedBy: principal.actor,
              chain: false,
            });
          return { url, feed: feed.key, created: row !== undefined };
        }),
      );
    }
    return { items };
  };
  api.post(
    "/api/subscriptions",
    {
      schema: {
        tags,
        summary: "Follow a feed by its address, several, or those of an OPML file",
        body: z
          .object({
            url: FeedUrl.optional(),
            urls: z.array(FeedUrl).max(500).optional(),
            opml: z.string().max(4_000_000).optional(),
          })
          .refine((body) => body.url ?? body.urls ?? body.opml, "needs url, urls or opml"),
        response: { 201: Added },
      },
    },
    async (request, reply) => {
      const { url, urls = [], opml } = request.body;
      const all = [
        ...(url ? [url] : []),
        ...urls,
        ...(opml ? opmlFeeds(opml).filter((one) => FeedUrl.safeParse(one).success) : []),
      ];
      if (all.length === 0) throw new AppError("OPML_INVALID", "The OPML file names no feed.");
      return reply.code(201).send(await subscribe(request.principal, all, request.correlationId));
    },
  );
  api.delete(
    "/api/subscriptions/:key",
    { schema: { tags, summary: "Follow a feed no longer", params: Key, response: { 204: z.null() } } },
    async (request, reply) => {
      const { numDeletedRows } = await database.asTenant(request.principal.tenantId, (tx) =>
        tx
          .deleteFrom("subscriptions")
          .where("feed_key", "=", request.params.key)
          .where("tenant_id", "=", request.principal.tenantId)
          .executeTakeFirst(),
      );
      if (Number(numDeletedRows) === 0) throw new AppError("NOT_FOUND", "This feed is not followed.");
      return reply.code(204).send(null);
    },
  );
  api.post(
    "/api/jobs",
    {
      schema: {
        tags,
        summary: "Have an episode processed (a range of stages, if you like), or a feed polled",
        body: z
          .object({
            episode: z.string().max(300).optional(),
            feed: z.string().max(300).optional(),
            start_stage: z.enum(STAGE_NAMES).optional(),
            end_stage: z.enum(STAGE_NAMES).optional(),
          })
          .refine((body) => (body.episode === undefined) !== (body.feed === undefined), "needs an episode or a feed"),
        response: { 202: z.object({ id: z.string(), created: z.boolean() }) },
      },
    },
    async (request, reply) => {
      const { episode, feed, start_stage, end_stage } = request.body;
      const base = { correlationId: request.correlationId, requestedBy: request.principal.actor };
      if (feed !== undefined) {
        const known = found(await context.library.feed(request.principal, feed), "feed");
        const job = await createJob(database.db, {
          ...base,
          queue: "ingest",
          name: "poll_feed",
          dedupe: `poll:${known.key}`,
          feedKey: known.key,
          chain: false,
          payload: { force: true },
        });
        return reply.code(202).send(job);
      }
      const known = found(await context.library.episode(request.principal, episode as string), "episode");
      const tier = context.config["platform.tier"];
      const start = start_stage !== undefined && isStageName(start_stage) ? start_stage : STAGE_NAMES[0];
      const queue = CHAIN_STAGES[tier].find((part) => STAGE_NAMES.indexOf(part.end) >= STAGE_NAMES.indexOf(start));
      if (
        queue === undefined ||
        (end_stage !== undefined && STAGE_NAMES.indexOf(end_stage) < STAGE_NAMES.indexOf(start))
      )
        throw new AppError("REQUEST_INVALID", "The last stage comes before the first.");
      const end =
        end_stage !== undefined && STAGE_NAMES.indexOf(end_stage) < STAGE_NAMES.indexOf(queue.end)
          ? end_stage
          : queue.end;
      const job = await createJob(database.db, {
        ...base,
        queue: queue.queue,
        name: "process_episode",
        dedupe: `process_episode:${known.key}:${start}:${end}`,
        episodeKey: known.key,
        startStage: start,
        endStage: end,
        // A range that ends early ends there; the last stage that was asked for travels along.
        chain: end_stage === undefined || end !== end_stage,
        payload: end_stage === undefined ? {} : { last_stage: end_stage },
      });
      return reply.code(202).send(job);
    },
  );
  const jobRows = async (principal: Principal, conditions: readonly ReturnType<typeof sql<SqlBool>>[], limit: number) =>
    database.asTenant(principal.tenantId, async (tx) => {
      const seen =
        principal.role === "admin"
          ? sql`true`
          : sql`(j.feed_key IN (SELECT key FROM readable_feeds) OR e.feed_key IN (SELECT key FROM readable_feeds) OR j.tenant_id = app_tenant())`;
      const { rows } = await sql<Record<string, unknown>>`
        SELECT j.* FROM jobs j LEFT JOIN episodes e ON e.key = j.episode_key
        WHERE ${seen} ${conditions.length > 0 ? sql`AND ${sql.join([...conditions], sql` AND `)}` : sql``}
        ORDER BY j.created_at DESC, j.id DESC LIMIT ${limit}`.execute(tx);
      return rows;
    });
  api.get(
    "/api/jobs",
    {
      schema: {
        tags,
        summary: "Jobs, newest first",
        querystring: PageParameters.extend({
          state: z.enum(JOB_STATES).optional(),
          queue: z.enum(QUEUES).optional(),
          episode: z.string().max(300).optional(),
          correlation_id: z.string().max(100).optional(),
        }),
        response: { 200: pageOf(JobItem) },
      },
    },
    async (request) => {
      const { cursor, limit, state, queue, episode, correlation_id } = request.query;
      const conditions: ReturnType<typeof sql<SqlBool>>[] = [];
      if (state) conditions.push(sql`j.state = ${state}`);
      if (queue) conditions.push(sql`j.queue = ${queue}`);
      if (episode) conditions.push(sql`j.episode_key = ${episode}`);
      if (correlation_id) conditions.push(sql`j.correlation_id = ${correlation_id}`);
      if (cursor) {
        const after = decodeCursor(cursor, ["date", "string"]);
        if (!/^[0-9a-f-]{36}$/.test(String(after[1])))
          throw new AppError("REQUEST_INVALID", "The cursor is not one of ours.");
        conditions.push(
          sql`(date_trunc('milliseconds', j.created_at), j.id) < (${after[0]}::timestamptz, ${after[1]}::uuid)`,
        );
      }
      const rows = await jobRows(request.principal, conditions, limit + 1);
      const items = rows.slice(0, limit).map(jobItem);
      const last = items.at(-1);
      return { items, next_cursor: rows.length > limit && last ? encodeCursor([last.created_at, last.id]) : null };
    },
  );
  const Id = z.object({ id: z.uuid() });
  api.get(
    "/api/jobs/:id",
    { schema: { tags, summary: "One job with its history", params: Id, response: { 200: JobDetail } } },
    async (request) => {
      const [row] = await jobRows(request.principal, [sql`j.id = ${request.params.id}::uuid`], 1);
      const events = await database.db
        .selectFrom("job_events")
        .selectAll()
        .where("job_id", "=", request.params.id)
        .orderBy("id")
        .limit(500)
        .execute();
      const held = found(row, "job");
      return {
        ...jobItem(held),
        result: (held.result ?? null) as Record<string, unknown> | null,
        events: events.map((event) => ({
          id: event.id,
          at: event.at.toISOString(),
          kind: event.kind,
          from: event.from_state,
          to: event.to_state,
          stage: event.stage,
          worker: event.worker_id,
          detail: event.detail,
        })),
      };
    },
  );
  api.post(
    "/api/jobs/:id/cancel",
    { schema: { tags, summary: "Stop a job", params: Id, response: { 202: z.object({ was: z.string() }) } } },
    async (request, reply) => {
      const [row] = await jobRows(request.principal, [sql`j.id = ${request.params.id}::uuid`], 1);
      found(row, "job");
      const was = found(await cancelJob(database.db, request.params.id), "job");
      if (was === "done" || was === "cancelled") throw new AppError("JOB_STATE", `The job is ${was} already.`);
      return reply.code(202).send({ was });
    },
  );
  api.get(
    "/api/status",
    {
      schema: {
        tags,
        summary: "What is going on",
        response: {
          200: z.object({
            episodes: z.record(z.string(), z.number()),
            queues: z.array(
              z.object({
                queue: z.string(),
                paused: z.boolean(),
                waiting: z.number(),
                running: z.number(),
                retrying: z.number(),
                dead: z.number(),
              }),
            ),
            running: z.array(JobItem),
            workers: z.number().int(),
            feeds: z.number().int(),
          }),
        },
      },
    },
    async (request) => {
      const [stats, running, counts] = await Promise.all([
        queueStats(database.db, QUEUES),
        jobRows(request.principal, [sql`j.state = 'running'`], 50),
        database.asTenant(request.principal.tenantId, async (tx) => ({
          states: (
            await sql<{ state: string; count: number }>`
              SELECT state, count(*)::int AS count FROM episodes WHERE feed_key IN (SELECT key FROM readable_feeds) GROUP BY state`.execute(
              tx,
            )
          ).rows,
          workers: (
            await sql<{
              n: number;
            }>`SELECT count(*)::int AS n FROM workers WHERE heartbeat_at > now() - interval '30 seconds'`.execute(tx)
          ).rows[0]?.n,
          feeds: (await sql<{ n: number }>`SELECT count(*)::int AS n FROM readable_feeds`.execute(tx)).rows[0]?.n,
        })),
      ]);
      return {
        episodes: Object.fromEntries(counts.states.map((row) => [row.state, row.count])),
        queues: stats.map(({ queue, paused, waiting, running: busy, retrying, dead }) => ({
          queue,
          paused,
          waiting,
          running: busy,
          retrying,
          dead,
        })),
        running: running.map(jobItem),
        workers: counts.workers ?? 0,
        feeds: counts.feeds ?? 0,
      };
    },
  );
}

export function jobItem(row: Record<string, unknown>): JobItem {
  const time = (value: unknown) => (value instanceof Date ? value.toISOString() : null);
  return {
    id: String(row.id),
    queue: String(row.queue),
    name: String(row.name),
    episode: row.episode_key as string | null,
    feed: row.feed_key as string | null,
    state: String(row.state),
    stage: row.stage as string | null,
    start_stage: row.start_stage as string | null,
    end_stage: row.end_stage as string | null,
    progress: Number(row.progress),
    attempt: Number(row.attempt),
    crashes: Number(row.crashes),
    correlation_id: String(row.correlation_id),
    requested_by: String(row.requested_by),
    worker: row.worker_id as string | null,
    error: row.error_code ? { code: String(row.error_code), message: String(row.error ?? "") } : null,
    created_at: time(row.created_at) ?? "",
    started_at: time(row.started_at),
    finished_at: time(row.finished_at),
    run_after: time(row.run_after),
  };
}

function addressOf(text: string): string {
  const bare = text
    .trim()
    .replace(/^feed:(?:\/\/)?(?=https?:)/i, "")
    .replace(/^feed:\/\//i, "http://");
  return /^[a-z][a-z0-9+.-]*:/i.test(bare) ? bare : `https://${bare}`;
}
