import { AppError, type Config, SETTINGS, type Setting, type SettingKey, showValue } from "@podcast/base";
import {
  cancelJob,
  changeSettings,
  checkHealth,
  createJob,
  createKey,
  type Database,
  decodeCursor,
  encodeCursor,
  QUEUES,
  queueStats,
  readSettings,
  retryDead,
} from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";
import { pageOf } from "../library/library.ts";
import { HealthAnswer } from "./health.ts";
import { found, Key, PageParameters } from "./library.ts";
import { JobItem, jobItem } from "./platform.ts";

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
const JobId = z.object({ id: z.uuid() });
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

/** What an operator does, as far as it needs no Docker: queues, jobs, workers, settings, keys, tenants, audit. */
export function adminRoutes(api: Api, context: ApiContext): void {
  const database = context.database as Database;
  const { db } = database;
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

  const SettingItem = z.object({
    key: z.string(),
    value: z.string(),
    changed: z.boolean(),
    secret: z.boolean(),
    about: z.string(),
    env: z.string().nullable(),
  });
  api.get(
    "/api/admin/config",
    {
      config,
      schema: {
        tags,
        summary: "Every setting, secrets masked",
        response: { 200: z.object({ items: z.array(SettingItem) }) },
      },
    },
    async () => {
      const changed = await readSettings(db);
      return {
        items: (Object.keys(SETTINGS) as SettingKey[]).map((key) => {
          const { about, env, secret = false } = SETTINGS[key] as Setting;
          const value = changed[key] ?? context.config[key as keyof Config];
          return { key, value: showValue(key, value), changed: key in changed, secret, about, env: env ?? null };
        }),
      };
    },
  );
  api.patch(
    "/api/admin/config",
    {
      config,
      schema: {
        tags,
        summary: "Change settings (null takes one back); new jobs use them. What the environment sets stays stronger",
        body: z
          .record(z.string().max(100), z.unknown())
          .refine((body) => Object.keys(body).length > 0, "names no setting"),
        response: { 200: z.object({ changed: z.array(z.string()) }) },
      },
    },
    async (request) => {
      await changeSettings(db, request.body, request.principal.actor, request.correlationId);
      return { changed: Object.keys(request.body) };
    },
  );
  api.put(
    "/api/admin/config/whisper_model",
    {
      config,
      schema: {
        tags,
        summary: "Choose the Whisper model",
        body: z.object({ model: z.string().max(100) }),
        response: { 200: z.object({ model: z.string() }) },
      },
    },
    async (request) => {
      await changeSettings(
        db,
        { "transcription.model": request.body.model },
        request.principal.actor,
        request.correlationId,
      );
      return { model: request.body.model };
    },
  );
  const PROVIDERS: Record<string, SettingKey> = {
    transcription: "transcription.provider",
    summary: "summary.provider",
    insights: "insights.provider",
    graph: "graph.provider",
  };
  api.get(
    "/api/admin/config/provider",
    { config, schema: { tags, summary: "Who does what", response: { 200: z.record(z.string(), z.string()) } } },
    async () => {
      const changed = await readSettings(db);
      return Object.fromEntries(
        Object.entries(PROVIDERS).map(([name, key]) => [
          name,
          String(changed[key] ?? context.config[key as keyof Config]),
        ]),
      );
    },
  );
  api.put(
    "/api/admin/config/provider/:capability",
    {
      config,
      schema: {
        tags,
        summary: "Choose who does a capability",
        params: z.object({ capability: z.enum(["transcription", "summary", "insights", "graph"]) }),
        body: z.object({ provider: z.string().max(40) }),
        response: { 200: z.object({ capability: z.string(), provider: z.string() }) },
      },
    },
    async (request) => {
      const { capability } = request.params;
      const { provider } = request.body;
      await changeSettings(
        db,
        { [PROVIDERS[capability] as string]: provider },
        request.principal.actor,
        request.correlationId,
      );
      return { capability, provider };
    },
  );
  api.post(
    "/api/admin/config/provider/test",
    {
      config,
      schema: {
        tags,
        summary: "Ask the language model service for its models: does the address answer, is the key taken",
        response: { 200: z.object({ ok: z.boolean(), latency_ms: z.number(), detail: z.string() }) },
      },
    },
    async () => {
      const base = context.config["llm.baseUrl"];
      if (base === undefined)
        throw new AppError("NOT_AVAILABLE", "No address of a language model service is set.", {
          hint: "Set LLM_BASE_URL.",
        });
      const started = performance.now();
      const response = await fetch(`${base.replace(/\/$/, "")}/models`, {
        headers: context.config["llm.apiKey"] ? { authorization: `Bearer ${context.config["llm.apiKey"]}` } : {},
        signal: AbortSignal.timeout(10_000),
        redirect: "manual",
      }).catch((error) => error as Error);
      const latency = Math.round(performance.now() - started);
      if (response instanceof Error) return { ok: false, latency_ms: latency, detail: "no answer" };
      return { ok: response.ok, latency_ms: latency, detail: `HTTP ${response.status}` };
    },
  );
  api.get(
    "/api/admin/config/history",
    {
      config,
      schema: {
        tags,
        summary: "How settings changed",
        querystring: z.object({ key: z.string().max(100).optional() }),
        response: {
          200: z.object({
            items: z.array(
              z.object({
                id: z.number(),
                key: z.string(),
                old: z.unknown(),
                new: z.unknown(),
                version: z.number(),
                at: z.string(),
                by: z.string(),
              }),
            ),
          }),
        },
      },
    },
    async ({ query }) => {
      const rows = await db
        .selectFrom("settings_history")
        .selectAll()
        .$if(query.key !== undefined, (q) => q.where("key", "=", query.key as string))
        .orderBy("id", "desc")
        .limit(500)
        .execute();
      return {
        items: rows.map((row) => ({
          id: row.id,
          key: row.key,
          old: row.old_value,
          new: row.new_value,
          version: row.version,
          at: row.at.toISOString(),
          by: row.by,
        })),
      };
    },
  );

  const KeyItem = z.object({
    id: z.string(),
    name: z.string(),
    role: z.string(),
    scopes: z.array(z.string()),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
  });
  api.get(
    "/api/admin/keys",
    {
      config,
      schema: { tags, summary: "API keys of this tenant", response: { 200: z.object({ items: z.array(KeyItem) }) } },
    },
    async ({ principal }) => {
      const rows = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .selectFrom("api_keys")
          .select(["id", "name", "role", "scopes", "created_at", "expires_at", "revoked_at"])
          .orderBy("created_at")
          .execute(),
      );
      return {
        items: rows.map((row) => ({
          ...row,
          created_at: row.created_at.toISOString(),
          expires_at: row.expires_at?.toISOString() ?? null,
          revoked_at: row.revoked_at?.toISOString() ?? null,
        })),
      };
    },
  );
  api.post(
    "/api/admin/keys",
    {
      config,
      schema: {
        tags,
        summary: "Make a key; its text is shown this once",
        body: z.object({
          name: z.string().trim().min(1).max(100),
          role: z.enum(["admin", "editor", "viewer"]).default("viewer"),
          scopes: z
            .array(z.enum(["read", "write", "admin"]))
            .max(3)
            .optional(),
          expires_in_days: z.number().int().min(1).max(3650).optional(),
        }),
        response: { 201: z.object({ id: z.string(), key: z.string() }) },
      },
    },
    async ({ principal, body }, reply) => {
      const { name, role, scopes, expires_in_days } = body;
      const expiresAt = expires_in_days ? new Date(Date.now() + expires_in_days * 86_400_000) : undefined;
      return reply.code(201).send(await createKey(database, principal.tenantId, { name, role, scopes, expiresAt }));
    },
  );
  api.delete(
    "/api/admin/keys/:id",
    { config, schema: { tags, summary: "Revoke a key", params: JobId, response: { 204: z.null() } } },
    async ({ principal, params }, reply) => {
      const { numUpdatedRows } = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .updateTable("api_keys")
          .set({ revoked_at: sql<Date>`now()` })
          .where("id", "=", params.id)
          .where("revoked_at", "is", null)
          .executeTakeFirst(),
      );
      if (Number(numUpdatedRows) === 0) throw new AppError("NOT_FOUND", "There is no such key.");
      return reply.code(204).send(null);
    },
  );

  api.put(
    "/api/admin/feeds/:key",
    {
      config,
      schema: {
        tags,
        summary: "Process a feed for everybody, or only for who follows it",
        params: Key,
        body: z.object({ enabled_for_all: z.boolean() }),
        response: { 200: z.object({ key: z.string(), enabled_for_all: z.boolean() }) },
      },
    },
    async ({ params, body }) => {
      const row = await db
        .updateTable("feeds")
        .set({ enabled_for_all: body.enabled_for_all })
        .where("key", "=", params.key)
        .returning(["key", "enabled_for_all"])
        .executeTakeFirst();
      return found(row, "feed");
    },
  );
  api.put(
    "/api/admin/entitlements/:key",
    {
      config,
      schema: {
        tags,
        summary: "Let this tenant read a feed that it does not follow",
        params: Key,
        response: { 204: z.null() },
      },
    },
    async ({ principal, params }, reply) => {
      await database.asTenant(principal.tenantId, (tx) =>
        tx
          .insertInto("entitlements")
          .values({ tenant_id: principal.tenantId, feed_key: params.key, granted_by: principal.actor })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/api/admin/entitlements/:key",
    { config, schema: { tags, summary: "Take such a right back", params: Key, response: { 204: z.null() } } },
    async ({ principal, params }, reply) => {
      await database.asTenant(principal.tenantId, (tx) =>
        tx.deleteFrom("entitlements").where("feed_key", "=", params.key).execute(),
      );
      return reply.code(204).send(null);
    },
  );
  api.post(
    "/api/admin/index/rebuild",
    {
      config,
      schema: {
        tags,
        summary: "Bring the search index up to date",
        response: { 202: z.object({ id: z.string(), created: z.boolean() }) },
      },
    },
    async (request, reply) =>
      reply.code(202).send(
        await createJob(db, {
          queue: context.config["platform.tier"] === "simple" ? "projection" : "index",
          name: "update_index",
          dedupe: "update_index",
          correlationId: request.correlationId,
          requestedBy: request.principal.actor,
          chain: false,
        }),
      ),
  );
  api.get(
    "/api/admin/audit",
    {
      config,
      schema: {
        tags,
        summary: "Every write, newest first",
        querystring: PageParameters,
        response: {
          200: pageOf(
            z.object({
              id: z.number(),
              at: z.string(),
              actor: z.string(),
              method: z.string(),
              route: z.string(),
              target: z.string().nullable(),
              status: z.number(),
              correlation_id: z.string(),
            }),
          ),
        },
      },
    },
    async ({ query, principal }) => {
      const after = query.cursor ? decodeCursor(query.cursor, ["number"]) : undefined;
      const rows = await db
        .selectFrom("audit")
        .selectAll()
        .where((eb) => eb.or([eb("tenant_id", "=", principal.tenantId), eb("tenant_id", "is", null)]))
        .$if(after !== undefined, (q) => q.where("id", "<", Math.floor(after?.[0] as number)))
        .orderBy("id", "desc")
        .limit(query.limit + 1)
        .execute();
      const items = rows
        .slice(0, query.limit)
        .map(({ tenant_id: _tenant, ...row }) => ({ ...row, at: row.at.toISOString() }));
      const last = items.at(-1);
      return { items, next_cursor: rows.length > query.limit && last ? encodeCursor([last.id]) : null };
    },
  );
}
