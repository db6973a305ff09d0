import { cancelJob, checkHealth, type Database, QUEUES, queueStats, retryDead } from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../../context.ts";
import { HealthAnswer } from "../health.ts";

const QueueItem = z.object({
  queue: z.string(),
  paused: z.boolean(),
  concurrency: z.number().nullable(),
  waiting: z.number(),
  running: z.number(),
  retrying: z.number(),
  dead: z.number(),
  done_last_hour: z.number(),
  failed_last_hour: z.number(),
  oldest_waiting_s: z.number().nullable(),
});
const QueueName = z.object({ queue: z.enum(QUEUES) });
const DeadLetter = z.object({
  id: z.string(),
  job: z.string(),
  queue: z.string(),
  episode: z.string().nullable(),
  reason: z.string(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  attempts: z.number().int(),
  created_at: z.string(),
});

/** Queues and their dead letters, and the health of this process. */
export function queueRoutes(api: Api, context: ApiContext): void {
  const { db } = context.database as Database;
  const tags = ["Admin"];
  const config = { admin: true };

  api.get(
    "/api/admin/health",
    { config, schema: { tags, summary: "Health of this process", response: { 200: HealthAnswer } } },
    () => checkHealth(context.checks),
  );

  api.get(
    "/api/admin/queues",
    {
      config,
      schema: {
        tags,
        summary: "Queues: depth, rate, state",
        response: { 200: z.object({ items: z.array(QueueItem) }) },
      },
    },
    async () => ({ items: await queueStats(db, QUEUES) }),
  );
  api.get(
    "/api/admin/throughput",
    {
      config,
      schema: {
        tags,
        summary: "Jobs that ended in each of the last 24 hours",
        response: {
          200: z.object({ hours: z.array(z.object({ hour: z.string(), done: z.number(), failed: z.number() })) }),
        },
      },
    },
    async () => {
      const { rows } = await sql<{ hour: Date; done: number; failed: number }>`
        SELECT h AS hour, count(j.id) FILTER (WHERE j.state = 'done')::int AS done,
          count(j.id) FILTER (WHERE j.state = 'dead')::int AS failed
        FROM generate_series(date_trunc('hour', now()) - interval '23 hours', date_trunc('hour', now()), interval '1 hour') AS h
        LEFT JOIN jobs j ON j.finished_at >= h AND j.finished_at < h + interval '1 hour'
        GROUP BY h ORDER BY h`.execute(db);
      return { hours: rows.map((row) => ({ ...row, hour: row.hour.toISOString() })) };
    },
  );
  const setQueue = (name: string, change: { paused?: boolean; concurrency?: number | null }) =>
    db
      .insertInto("queues")
      .values({ name, paused: change.paused ?? false, concurrency: change.concurrency ?? null })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ ...change, updated_at: sql<Date>`now()` }))
      .execute();
  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const)
    api.post(
      `/api/admin/queues/:queue/${verb}`,
      {
        config,
        schema: {
          tags,
          summary: paused ? "Begin no more jobs of a queue" : "Go on with a queue",
          params: QueueName,
          response: { 200: z.object({ queue: z.string(), paused: z.boolean() }) },
        },
      },
      async ({ params }) => {
        await setQueue(params.queue, { paused });
        return { queue: params.queue, paused };
      },
    );
  api.put(
    "/api/admin/queues/:queue/concurrency",
    {
      config,
      schema: {
        tags,
        summary: "Jobs of a queue at once, in each worker",
        params: QueueName,
        body: z.object({ concurrency: z.number().int().min(1).max(64).nullable() }),
        response: { 200: z.object({ queue: z.string(), concurrency: z.number().nullable() }) },
      },
    },
    async ({ params, body }) => {
      await setQueue(params.queue, { concurrency: body.concurrency });
      return { queue: params.queue, concurrency: body.concurrency };
    },
  );
  api.post(
    "/api/admin/queues/:queue/drain",
    {
      config,
      schema: {
        tags,
        summary: "Cancel everything that waits in a queue",
        params: QueueName,
        response: { 200: z.object({ cancelled: z.number() }) },
      },
    },
    async ({ params }) => {
      const waiting = await db
        .selectFrom("jobs")
        .select("id")
        .where("queue", "=", params.queue)
        .where("state", "in", ["queued", "retrying"])
        .execute();
      for (const { id } of waiting) await cancelJob(db, id);
      return { cancelled: waiting.length };
    },
  );
  api.get(
    "/api/admin/queues/:queue/dead",
    {
      config,
      schema: {
        tags,
        summary: "Dead letters of a queue",
        params: QueueName,
        response: { 200: z.object({ items: z.array(DeadLetter) }) },
      },
    },
    async ({ params }) => {
      const rows = await db
        .selectFrom("dead_letters")
        .innerJoin("jobs", "jobs.id", "dead_letters.job_id")
        .select([
          "dead_letters.id",
          "dead_letters.job_id",
          "dead_letters.queue",
          "dead_letters.reason",
          "dead_letters.error_code",
          "dead_letters.error",
          "dead_letters.attempts",
          "dead_letters.created_at",
          "jobs.episode_key",
        ])
        .where("dead_letters.queue", "=", params.queue)
        .where("dead_letters.retried_at", "is", null)
        .orderBy("dead_letters.created_at", "desc")
        .limit(500)
        .execute();
      return {
        items: rows.map((row) => ({
          id: row.id,
          job: row.job_id,
          queue: row.queue,
          episode: row.episode_key,
          reason: row.reason,
          error: row.error_code ? { code: row.error_code, message: row.error ?? "" } : null,
          attempts: row.attempts,
          created_at: row.created_at.toISOString(),
        })),
      };
    },
  );
  api.post(
    "/api/admin/queues/:queue/retry",
    {
      config,
      schema: {
        tags,
        summary: "Give all dead letters of a queue another life",
        params: QueueName,
        response: { 200: z.object({ retried: z.array(z.string()) }) },
      },
    },
    async ({ params }) => ({ retried: await retryDead(db, { queue: params.queue }) }),
  );
}
