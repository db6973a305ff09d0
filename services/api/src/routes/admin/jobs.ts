import { AppError } from "@podcast/base";
import { cancelJob, createJob, type Database, decodeCursor, encodeCursor, retryDead } from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../../context.ts";
import { pageOf } from "../../library/library.ts";
import { found, PageParameters } from "../library.ts";
import { JobItem, jobItem } from "../platform.ts";

const JobId = z.object({ id: z.uuid() });

/** All jobs, and the workers that do them. */
export function jobRoutes(api: Api, context: ApiContext): void {
  const { db } = context.database as Database;
  const tags = ["Admin"];
  const config = { admin: true };

  api.get(
    "/api/admin/jobs",
    {
      config,
      schema: {
        tags,
        summary: "All jobs, newest first",
        querystring: PageParameters,
        response: { 200: pageOf(JobItem) },
      },
    },
    async ({ query }) => {
      const after = query.cursor ? decodeCursor(query.cursor, ["date", "string"]) : undefined;
      if (after && !/^[0-9a-f-]{36}$/.test(String(after[1])))
        throw new AppError("REQUEST_INVALID", "The cursor is not one of ours.");
      const { rows } = await sql<Record<string, unknown>>`
        SELECT * FROM jobs ${after ? sql`WHERE (date_trunc('milliseconds', created_at), id) < (${after[0]}::timestamptz, ${after[1]}::uuid)` : sql``}
        ORDER BY created_at DESC, id DESC LIMIT ${query.limit + 1}`.execute(db);
      const items = rows.slice(0, query.limit).map(jobItem);
      const last = items.at(-1);
      return {
        items,
        next_cursor: rows.length > query.limit && last ? encodeCursor([last.created_at, last.id]) : null,
      };
    },
  );
  api.post(
    "/api/admin/jobs/:id/retry",
    {
      config,
      schema: {
        tags,
        summary: "Give a dead job another life",
        params: JobId,
        response: { 200: z.object({ retried: z.array(z.string()) }) },
      },
    },
    async ({ params }) => {
      const retried = await retryDead(db, { jobId: params.id });
      if (retried.length === 0) throw new AppError("JOB_STATE", "Only a job in the dead letters can be retried.");
      return { retried };
    },
  );
  api.post(
    "/api/admin/jobs/:id/cancel",
    {
      config,
      schema: { tags, summary: "Stop a job", params: JobId, response: { 202: z.object({ was: z.string() }) } },
    },
    async ({ params }, reply) => reply.code(202).send({ was: found(await cancelJob(db, params.id), "job") }),
  );
  api.post(
    "/api/admin/jobs/:id/requeue",
    {
      config,
      schema: {
        tags,
        summary: "Do the work of an ended job again",
        params: JobId,
        response: { 202: z.object({ id: z.string(), created: z.boolean() }) },
      },
    },
    async (request, reply) => {
      const job = found(
        await db.selectFrom("jobs").selectAll().where("id", "=", request.params.id).executeTakeFirst(),
        "job",
      );
      if (job.state === "queued" || job.state === "running" || job.state === "retrying")
        throw new AppError("JOB_STATE", `The job is ${job.state}: it needs no other.`);
      const created = await createJob(db, {
        queue: job.queue,
        name: job.name,
        dedupe: job.dedupe,
        episodeKey: job.episode_key ?? undefined,
        feedKey: job.feed_key ?? undefined,
        tenantId: job.tenant_id ?? undefined,
        startStage: job.start_stage ?? undefined,
        endStage: job.end_stage ?? undefined,
        chain: job.chain,
        correlationId: request.correlationId,
        requestedBy: request.principal.actor,
        payload: job.payload,
      });
      return reply.code(202).send(created);
    },
  );

  api.get(
    "/api/admin/workers",
    {
      config,
      schema: {
        tags,
        summary: "Workers and what they do now",
        response: {
          200: z.object({
            items: z.array(
              z.object({
                id: z.string(),
                queues: z.array(z.string()),
                host: z.string(),
                pid: z.number(),
                version: z.string(),
                state: z.string(),
                alive: z.boolean(),
                current: z.array(z.unknown()),
                started_at: z.string(),
                heartbeat_at: z.string(),
              }),
            ),
          }),
        },
      },
    },
    async () => {
      const rows = await db.selectFrom("workers").selectAll().orderBy("started_at").execute();
      return {
        items: rows.map((row) => ({
          ...row,
          alive: Date.now() - row.heartbeat_at.getTime() < 30_000,
          started_at: row.started_at.toISOString(),
          heartbeat_at: row.heartbeat_at.toISOString(),
        })),
      };
    },
  );
}
