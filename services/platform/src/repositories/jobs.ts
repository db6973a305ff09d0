import { sql } from "kysely";
import type { Db, Tx } from "../database/database.ts";
import type { JobState } from "../database/schema.ts";

export interface NewJob {
  queue: string;
  name: string;
  /** What makes it the same work: one of a kind is open at a time. */
  dedupe: string;
  episodeKey?: string | undefined;
  feedKey?: string | undefined;
  tenantId?: string | undefined;
  startStage?: string | undefined;
  endStage?: string | undefined;
  /** Whether the scheduler goes on with the next stages when it is done. */
  chain?: boolean;
  correlationId: string;
  requestedBy: string;
  payload?: Record<string, unknown>;
}

export interface ClaimedJob {
  id: string;
  queue: string;
  name: string;
  episode_key: string | null;
  feed_key: string | null;
  tenant_id: string | null;
  start_stage: string | null;
  end_stage: string | null;
  attempt: number;
  crashes: number;
  correlation_id: string;
  requested_by: string;
  payload: Record<string, unknown>;
}

/** How often a job may lose its worker before it is given up. */
export const MAX_CRASHES = 5;
/** Tries of a stage, contracts.md. */
export const MAX_ATTEMPTS = 3;

/** Creates a job, or returns the open one that does the same. */
export async function createJob(db: Db | Tx, job: NewJob): Promise<{ id: string; created: boolean }> {
  const { rows } = await sql<{ id: string }>`
    WITH job AS (
      INSERT INTO jobs (queue, name, dedupe, episode_key, feed_key, tenant_id, start_stage, end_stage, chain, correlation_id, requested_by, payload)
      VALUES (${job.queue}, ${job.name}, ${job.dedupe}, ${job.episodeKey ?? null}, ${job.feedKey ?? null}, ${job.tenantId ?? null}::uuid,
        ${job.startStage ?? null}, ${job.endStage ?? null}, ${job.chain ?? true}, ${job.correlationId}, ${job.requestedBy},
        ${JSON.stringify(job.payload ?? {})}::jsonb)
      ON CONFLICT (dedupe) WHERE state IN ('queued', 'running', 'retrying') DO NOTHING
      RETURNING id, episode_key, correlation_id
    ), noted AS (
      INSERT INTO job_events (job_id, episode_key, kind, to_state, correlation_id)
      SELECT id, episode_key, 'job', 'queued', correlation_id FROM job
    )
    SELECT id FROM job`.execute(db);
  if (rows[0] !== undefined) return { id: rows[0].id, created: true };
  const open = await db
    .selectFrom("jobs")
    .select("id")
    .where("dedupe", "=", job.dedupe)
    .where("state", "in", ["queued", "running", "retrying"])
    .executeTakeFirst();
  // It ended between the two statements: the next look creates it.
  return open === undefined ? createJob(db, job) : { id: open.id, created: false };
}

async function event(
  db: Db | Tx,
  jobId: string,
  episodeKey: string | null | undefined,
  kind: string,
  from: string | null,
  to: string | null,
  more: { stage?: string | null; workerId?: string | null; correlationId?: string | null; detail?: object } = {},
): Promise<void> {
  await db
    .insertInto("job_events")
    .values({
      job_id: jobId,
      episode_key: episodeKey ?? null,
      kind,
      from_state: from,
      to_state: to,
      stage: more.stage ?? null,
      worker_id: more.workerId ?? null,
      correlation_id: more.correlationId ?? null,
      detail: JSON.stringify(more.detail ?? {}),
    })
    .execute();
}

/** Jobs that wait, are due, whose queue is not paused, and that no queue message exists for. */
export async function undispatched(db: Db, limit: number) {
  return db
    .selectFrom("jobs")
    .leftJoin("queues", "queues.name", "jobs.queue")
    .select(["jobs.id", "jobs.queue", "jobs.attempt", "jobs.crashes", "jobs.correlation_id"])
    .where("jobs.state", "=", "queued")
    .where("jobs.enqueued_at", "is", null)
    .where("jobs.run_after", "<=", sql<Date>`now()`)
    .where((eb) => eb.or([eb("queues.paused", "is", null), eb("queues.paused", "=", false)]))
    .orderBy("jobs.created_at")
    .limit(limit)
    .execute();
}

export async function markDispatched(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable("jobs")
    .set({ enqueued_at: sql<Date>`now()` })
    .where("id", "in", [...ids])
    .where("state", "=", "queued")
    .execute();
}

/** Waiting jobs by queue whose message should be in the queue's store for a while now. */
export async function dispatched(db: Db, olderThanS: number): Promise<{ queue: string; count: number }[]> {
  const { rows } = await sql<{ queue: string; count: number }>`
    SELECT queue, count(*)::int AS count FROM jobs
    WHERE state = 'queued' AND enqueued_at < now() - make_interval(secs => ${olderThanS}) GROUP BY queue`.execute(db);
  return rows;
}

/** Messages of a queue were lost (a flushed Redis): its waiting jobs are sent again; an id waits only once. */
export async function redispatch(db: Db, queue: string, olderThanS: number): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable("jobs")
    .set({ enqueued_at: null })
    .where("state", "=", "queued")
    .where("queue", "=", queue)
    .where("enqueued_at", "<", sql<Date>`now() - make_interval(secs => ${olderThanS})`)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/**
 * Takes a job for a worker: only when it still waits in that try, so that a message that comes twice works once.
 * `busy`: its last worker's lease has not ended yet.
 */
export async function claimJob(
  db: Db,
  id: string,
  version: { attempt: number; crashes: number },
  workerId: string,
  leaseS: number,
): Promise<ClaimedJob | "stale" | "paused"> {
  // One statement: taking a job is what every stage waits for.
  const { rows } = await sql<ClaimedJob>`
    WITH job AS (
      UPDATE jobs SET state = 'running', worker_id = ${workerId}, started_at = now(), finished_at = NULL, progress = 0,
        lease_until = now() + make_interval(secs => ${leaseS})
      WHERE id = ${id}::uuid AND state = 'queued' AND attempt = ${version.attempt} AND crashes = ${version.crashes}
        AND NOT EXISTS (SELECT FROM queues q WHERE q.name = jobs.queue AND q.paused)
      RETURNING *
    ), noted AS (
      INSERT INTO job_events (job_id, episode_key, kind, from_state, to_state, worker_id, correlation_id)
      SELECT id, episode_key, 'job', 'queued', 'running', ${workerId}, correlation_id FROM job
    )
    SELECT * FROM job`.execute(db);
  const job = rows[0];
  if (job !== undefined) return job;
  // A queue that was paused meanwhile: the job waits for its next message.
  const { numUpdatedRows } = await db
    .updateTable("jobs")
    .set({ enqueued_at: null })
    .where("id", "=", id)
    .where("state", "=", "queued")
    .where("attempt", "=", version.attempt)
    .where("crashes", "=", version.crashes)
    .executeTakeFirst();
  return Number(numUpdatedRows) > 0 ? "paused" : "stale";
}

/** Tells listeners how far a job is. Nothing is kept of it: the row has the figure. */
export async function announceProgress(
  db: Db,
  job: { id: string; episode_key: string | null },
  stage: string | null,
  share: number,
): Promise<void> {
  await sql`SELECT pg_notify('podcast_events', json_build_object('id', 0, 'kind', 'progress', 'job', ${job.id}::text,
    'episode', ${job.episode_key}::text, 'stage', ${stage}::text, 'progress', ${share}::float, 'at', now())::text)`.execute(
    db,
  );
}

/** Prolongs a lease and tells how far the work is. `lost`: somebody else may have the job; stop. */
export async function renewLease(
  db: Db,
  job: { id: string; crashes: number },
  workerId: string,
  leaseS: number,
  progress: { stage?: string | null; share: number },
): Promise<"held" | "cancel" | "lost"> {
  const row = await db
    .updateTable("jobs")
    .set({
      lease_until: sql<Date>`now() + make_interval(secs => ${leaseS})`,
      progress: progress.share,
      ...(progress.stage === undefined ? {} : { stage: progress.stage }),
    })
    .where("id", "=", job.id)
    .where("worker_id", "=", workerId)
    .where("crashes", "=", job.crashes)
    .where("state", "=", "running")
    .returning("cancel_requested")
    .executeTakeFirst();
  if (row === undefined) return "lost";
  return row.cancel_requested ? "cancel" : "held";
}

/** Ends a running job, only for the worker that holds it. `more` runs in the same transaction. */
export async function finishJob(
  db: Db,
  job: { id: string; crashes: number },
  workerId: string,
  end: {
    state: Extract<JobState, "done" | "failed" | "cancelled" | "queued">;
    error?: { code: string; message: string };
    result?: Record<string, unknown>;
  },
  more?: (tx: Tx) => Promise<void>,
): Promise<boolean> {
  const back = end.state === "queued";
  const statement = sql<{ id: string }>`
    WITH job AS (
      UPDATE jobs SET state = ${end.state}, lease_until = NULL, error_code = ${end.error?.code ?? null},
        error = ${end.error?.message.slice(0, 2000) ?? null}, result = ${end.result ? JSON.stringify(end.result) : null}::jsonb,
        progress = ${end.state === "done" ? sql`1` : sql`progress`},
        -- What nothing follows is looked at no more.
        advanced = ${end.state === "done"} AND NOT chain,
        ${back ? sql`worker_id = NULL, enqueued_at = NULL, started_at = NULL` : sql`finished_at = now()`}
      WHERE id = ${job.id}::uuid AND worker_id = ${workerId} AND crashes = ${job.crashes} AND state = 'running'
      RETURNING id, episode_key, stage, correlation_id
    ), noted AS (
      INSERT INTO job_events (job_id, episode_key, kind, from_state, to_state, stage, worker_id, correlation_id, detail)
      SELECT id, episode_key, 'job', 'running', ${end.state}, stage, ${workerId}, correlation_id,
        ${JSON.stringify(end.error ? { code: end.error.code } : {})}::jsonb FROM job
    )
    SELECT id FROM job`;
  if (more === undefined) return (await statement.execute(db)).rows.length > 0;
  return db.transaction().execute(async (tx) => {
    if ((await statement.execute(tx)).rows.length === 0) return false;
    await more(tx);
    return true;
  });
}

/** Ends every lease: for a box, whose workers have all died with it, so that nothing waits for a lease to run out. */
export async function endAllLeases(db: Db): Promise<void> {
  await db
    .updateTable("jobs")
    .set({ lease_until: sql<Date>`now() - interval '1 second'` })
    .where("state", "=", "running")
    .execute();
  await db.deleteFrom("workers").execute();
}

/** Jobs whose worker has not renewed its lease: they wait again, or fail when that happened too often. */
export async function reclaimLost(db: Db): Promise<{ id: string; state: string }[]> {
  return db.transaction().execute(async (tx) => {
    const lost = await tx
      .selectFrom("jobs")
      .select(["id", "crashes", "episode_key", "worker_id", "correlation_id"])
      .where("state", "=", "running")
      .where("lease_until", "<", sql<Date>`now()`)
      .forUpdate()
      .skipLocked()
      .limit(200)
      .execute();
    const moved: { id: string; state: string }[] = [];
    for (const job of lost) {
      const state = job.crashes + 1 > MAX_CRASHES ? "failed" : "queued";
      await tx
        .updateTable("jobs")
        .set({
          state,
          crashes: job.crashes + 1,
          worker_id: null,
          lease_until: null,
          enqueued_at: null,
          ...(state === "failed"
            ? {
                finished_at: sql<Date>`now()`,
                error_code: "JOB_CRASHED",
                error: `Its worker was lost ${job.crashes + 1} times.`,
              }
            : {}),
        })
        .where("id", "=", job.id)
        .execute();
      await event(tx, job.id, job.episode_key, "job", "running", state, {
        workerId: job.worker_id,
        correlationId: job.correlation_id,
        detail: { reason: "lease ended" },
      });
      moved.push({ id: job.id, state });
    }
    return moved;
  });
}

/** Jobs whose retry is due wait again. */
export async function wakeRetries(db: Db): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable("jobs")
    .set({ state: "queued", enqueued_at: null })
    .where("state", "=", "retrying")
    .where("run_after", "<=", sql<Date>`now()`)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Ended jobs that the scheduler has not looked at yet. */
export async function unadvanced(db: Db | Tx, limit: number) {
  return db
    .selectFrom("jobs")
    .selectAll()
    .where("state", "in", ["done", "failed"])
    .where("advanced", "=", false)
    .orderBy("finished_at")
    .limit(limit)
    .execute();
}

/** Plans another try of a failed job. */
export async function scheduleRetry(
  tx: Tx,
  job: { id: string; attempt: number; episode_key: string | null; correlation_id: string },
  waitS: number,
  payload?: Record<string, unknown>,
): Promise<Date> {
  const row = await tx
    .updateTable("jobs")
    .set({
      state: "retrying",
      attempt: job.attempt + 1,
      run_after: sql<Date>`now() + make_interval(secs => ${waitS})`,
      enqueued_at: null,
      worker_id: null,
      ...(payload ? { payload: JSON.stringify(payload) } : {}),
    })
    .where("id", "=", job.id)
    .returning("run_after")
    .executeTakeFirstOrThrow();
  await event(tx, job.id, job.episode_key, "job", "failed", "retrying", {
    correlationId: job.correlation_id,
    detail: { attempt: job.attempt + 1 },
  });
  return row.run_after;
}

/** Gives a job up, with its reason. */
export async function buryJob(
  tx: Tx,
  job: {
    id: string;
    queue: string;
    attempt: number;
    episode_key: string | null;
    error_code: string | null;
    error: string | null;
    correlation_id: string;
  },
  reason: string,
): Promise<void> {
  await tx.updateTable("jobs").set({ state: "dead", advanced: true }).where("id", "=", job.id).execute();
  await tx
    .insertInto("dead_letters")
    .values({
      job_id: job.id,
      queue: job.queue,
      reason,
      error_code: job.error_code,
      error: job.error,
      attempts: job.attempt,
    })
    .onConflict((conflict) => conflict.column("job_id").where("retried_at", "is", null).doNothing())
    .execute();
  await event(tx, job.id, job.episode_key, "job", "failed", "dead", {
    correlationId: job.correlation_id,
    detail: { reason },
  });
}

/** Gives dead letters another life, from their first try: one job, or all of a queue. Returns the jobs. */
export async function retryDead(db: Db, which: { jobId?: string; queue?: string }): Promise<string[]> {
  return db.transaction().execute(async (tx) => {
    let query = tx
      .selectFrom("dead_letters")
      .innerJoin("jobs", "jobs.id", "dead_letters.job_id")
      .select(["dead_letters.id as letter", "jobs.id", "jobs.episode_key", "jobs.correlation_id", "jobs.dedupe"])
      .where("dead_letters.retried_at", "is", null)
      .where("jobs.state", "=", "dead");
    if (which.jobId) query = query.where("jobs.id", "=", which.jobId);
    if (which.queue) query = query.where("jobs.queue", "=", which.queue);
    const revived: string[] = [];
    for (const row of await query.forUpdate().execute()) {
      const open = await tx
        .selectFrom("jobs")
        .select("id")
        .where("dedupe", "=", row.dedupe)
        .where("state", "in", ["queued", "running", "retrying"])
        .executeTakeFirst();
      await tx.updateTable("dead_letters").set({ retried_at: sql<Date>`now()` }).where("id", "=", row.letter).execute();
      if (open !== undefined) continue;
      await tx
        .updateTable("jobs")
        .set({
          state: "queued",
          attempt: 1,
          crashes: 0,
          advanced: false,
          enqueued_at: null,
          finished_at: null,
          run_after: sql<Date>`now()`,
          error_code: null,
          error: null,
          cancel_requested: false,
        })
        .where("id", "=", row.id)
        .execute();
      await event(tx, row.id, row.episode_key, "job", "dead", "queued", { correlationId: row.correlation_id });
      if (row.episode_key)
        await tx
          .updateTable("episodes")
          .set({ state: "pending", error_code: null, error: null, attempts: 0, state_since: sql<Date>`now()` })
          .where("key", "=", row.episode_key)
          .execute();
      revived.push(row.id);
    }
    return revived;
  });
}

/** Stops a job: at once when it waits, by its signal when it runs. Returns its state before, or undefined. */
export async function cancelJob(db: Db, id: string): Promise<JobState | undefined> {
  return db.transaction().execute(async (tx) => {
    const job = await tx
      .selectFrom("jobs")
      .select(["state", "episode_key", "correlation_id"])
      .where("id", "=", id)
      .forUpdate()
      .executeTakeFirst();
    if (job === undefined) return undefined;
    if (job.state === "queued" || job.state === "retrying" || job.state === "dead") {
      await tx
        .updateTable("jobs")
        .set({ state: "cancelled", finished_at: sql<Date>`now()`, advanced: true })
        .where("id", "=", id)
        .execute();
      await event(tx, id, job.episode_key, "job", job.state, "cancelled", { correlationId: job.correlation_id });
      if (job.episode_key)
        await tx
          .updateTable("episodes")
          .set({ state: "cancelled", state_since: sql<Date>`now()` })
          .where("key", "=", job.episode_key)
          .execute();
    } else if (job.state === "running")
      await tx.updateTable("jobs").set({ cancel_requested: true }).where("id", "=", id).execute();
    return job.state;
  });
}

export interface QueueStat {
  queue: string;
  paused: boolean;
  concurrency: number | null;
  waiting: number;
  running: number;
  retrying: number;
  dead: number;
  /** Jobs done in the last hour. */
  done_last_hour: number;
  failed_last_hour: number;
  /** Seconds that the oldest waiting job has waited. */
  oldest_waiting_s: number | null;
}

/** Depths and rates of all queues, from the database. */
export async function queueStats(db: Db | Tx, names: readonly string[]): Promise<QueueStat[]> {
  const { rows } = await sql<QueueStat>`
    SELECT n.queue, coalesce(q.paused, false) AS paused, q.concurrency,
      count(*) FILTER (WHERE j.state = 'queued')::int AS waiting,
      count(*) FILTER (WHERE j.state = 'running')::int AS running,
      count(*) FILTER (WHERE j.state = 'retrying')::int AS retrying,
      count(*) FILTER (WHERE j.state = 'dead')::int AS dead,
      count(*) FILTER (WHERE j.state = 'done' AND j.finished_at > now() - interval '1 hour')::int AS done_last_hour,
      count(*) FILTER (WHERE j.state IN ('failed','dead') AND j.finished_at > now() - interval '1 hour')::int AS failed_last_hour,
      extract(epoch FROM now() - min(j.created_at) FILTER (WHERE j.state = 'queued'))::float AS oldest_waiting_s
    FROM unnest(${sql.val(names)}::text[]) WITH ORDINALITY AS n(queue, place)
    LEFT JOIN queues q ON q.name = n.queue
    LEFT JOIN jobs j ON j.queue = n.queue AND (j.state IN ('queued','running','retrying','dead') OR j.finished_at > now() - interval '1 hour')
    GROUP BY n.queue, n.place, q.paused, q.concurrency ORDER BY n.place`.execute(db as Db);
  return rows;
}
