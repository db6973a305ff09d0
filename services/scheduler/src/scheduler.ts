import { randomUUID } from "node:crypto";
import { type Config, ERRORS, type ErrorCode, type Logger, metrics } from "@podcast/base";
import { STAGE_NAMES, type Tier } from "@podcast/pipeline/plan";
import {
  buryJob,
  createJob,
  type Database,
  dispatched,
  dueFeeds,
  JobClient,
  MAX_ATTEMPTS,
  markDispatched,
  moveEpisode,
  QUEUES,
  type QueueBackend,
  queueStats,
  reclaimLost,
  redispatch,
  scheduleRetry,
  type Tx,
  unadvanced,
  undispatched,
  wakeRetries,
} from "@podcast/platform";
import { CronExpressionParser } from "cron-parser";
import { sql } from "kysely";
import type pg from "pg";
import { INDEX_QUEUE, type Link, linksFor, nextLink } from "./chain.ts";

export interface SchedulerOptions {
  config: Config;
  database: Database;
  backend: QueueBackend;
  logger: Logger;
  /** Milliseconds between two looks when nothing is heard. */
  tickMs?: number;
}

/** One number for all schedulers of a database: whoever holds this lock leads. */
const LEADER_LOCK = 7_130_451;
const LEADER_RETRY_MS = 3000;
/** A message that was sent so long ago is in the store, or lost. */
const SENT_S = 5;
const BATCH = 200;

/**
 * Decides what is to be done: polls feeds that are due, sends episodes on their way, advances them, retries, gives up,
 * takes work back from the dead. Everything it knows stands in Postgres; any number may run, one leads.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #jobs: JobClient;
  readonly #tier: Tier;
  #leader: pg.PoolClient | undefined;
  #listener: pg.PoolClient | undefined;
  #stopped = false;
  #wake: () => void = () => {};
  #woken = false;
  #loop: Promise<void> | undefined;
  #lastSlow = 0;
  #lastLook = 0;
  #lastDigest: Date | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#jobs = new JobClient(options.backend);
    this.#tier = options.config["platform.tier"];
  }

  get leads(): boolean {
    return this.#leader !== undefined;
  }

  async start(): Promise<void> {
    await this.#options.backend.prepare();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#loop;
    await this.#jobs.close();
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    while (!this.#stopped) {
      try {
        if (this.#leader === undefined && !(await this.#lead())) {
          await this.#sleep(LEADER_RETRY_MS);
          continue;
        }
        await this.tick();
      } catch (error) {
        logger.warn({ err: error }, "scheduler: this look failed, the next one follows");
        await this.#sleep(1000);
      }
      await this.#sleep(this.#options.tickMs ?? 1000);
    }
    await this.#resign();
  }

  /** A session lock: it goes with the connection, so a scheduler that died leads no longer. */
  async #lead(): Promise<boolean> {
    const client = await this.#options.database.pool.connect();
    try {
      const { rows } = await client.query("SELECT pg_try_advisory_lock($1) AS led", [LEADER_LOCK]);
      if (!rows[0]?.led) {
        client.release();
        return false;
      }
      const lost = () => {
        this.#leader = undefined;
        this.#wake();
      };
      client.on("error", lost);
      client.on("end", lost);
      this.#leader = client;
      await this.#listen();
      this.#options.logger.info("this scheduler leads");
      return true;
    } catch (error) {
      this.#leader = undefined;
      client.release(error as Error);
      throw error;
    }
  }

  async #listen(): Promise<void> {
    this.#listener?.release(true);
    const listener = await this.#options.database.pool.connect();
    listener.on("error", () => {});
    listener.on("notification", ({ payload }) => {
      // Progress changes nothing that is due.
      if (!payload?.includes('"kind" : "progress"')) this.#wake();
    });
    await listener.query("LISTEN podcast_events");
    this.#listener = listener;
  }

  async #resign(): Promise<void> {
    await this.#leader?.query("SELECT pg_advisory_unlock($1)", [LEADER_LOCK]).catch(() => {});
    this.#leader?.release(true);
    this.#listener?.release(true);
    this.#leader = undefined;
    this.#listener = undefined;
  }

  #sleep(ms: number): Promise<void> {
    if (this.#woken || this.#stopped) {
      this.#woken = false;
      // What follows an event quickly is looked at together.
      return new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20)));
    }
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        resolve();
      }
      this.#wake = () => {
        this.#woken = true;
        done();
      };
    });
  }

  /** One look at everything. */
  async tick(): Promise<void> {
    this.#woken = false;
    const { database } = this.#options;
    await this.#advance();
    if (Date.now() - this.#lastLook > 200) {
      this.#lastLook = Date.now();
      await this.#startPending();
      await wakeRetries(database.db);
    }
    await this.#dispatch();
    if (Date.now() - this.#lastSlow < 1000) return;
    this.#lastSlow = Date.now();
    await this.#poll();
    await this.#planDigests();
    for (const { id, state } of await reclaimLost(database.db)) {
      metrics.leaseLost.inc();
      this.#options.logger.warn({ job: id, state }, "a worker was lost; its job is taken back");
    }
    await this.#findLostMessages();
    await this.#dispatch();
    await this.#measure();
  }

  async #poll(): Promise<void> {
    const { database } = this.#options;
    for (const feed of await dueFeeds(database.db, BATCH)) {
      const { created } = await createJob(database.db, {
        queue: "ingest",
        name: "poll_feed",
        dedupe: `poll:${feed.key}`,
        feedKey: feed.key,
        correlationId: randomUUID(),
        requestedBy: "scheduler",
        chain: false,
      });
      // Until the poll itself plans the next one.
      if (created)
        await database.db
          .updateTable("feeds")
          .set({ next_poll_at: sql<Date>`now() + interval '15 minutes'` })
          .where("key", "=", feed.key)
          .execute();
    }
  }

  /** Episodes that wait and that no job is open for get the first link of their way. */
  async #startPending(): Promise<void> {
    const { database } = this.#options;
    const waiting = await database.db
      .selectFrom("episodes")
      .select(["key", "feed_key", "correlation_id"])
      .where("state", "=", "pending")
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom("jobs")
              .select("id")
              .whereRef("jobs.episode_key", "=", "episodes.key")
              .where((or) =>
                or.or([
                  or("jobs.state", "in", ["queued", "running", "retrying"]),
                  or.and([or("jobs.state", "in", ["done", "failed"]), or("jobs.advanced", "=", false)]),
                ]),
              ),
          ),
        ),
      )
      .where(sql<boolean>`feed_is_wanted(feed_key)`)
      .orderBy("published", "desc")
      .limit(BATCH)
      .execute();
    for (const episode of waiting) {
      const correlationId = randomUUID();
      await database.db.transaction().execute(async (tx) => {
        const link = linksFor(this.#tier, STAGE_NAMES[0], undefined)[0] as Link;
        await this.#createLink(tx, episode.key, link, correlationId, "scheduler");
        await tx
          .updateTable("episodes")
          .set({ correlation_id: correlationId })
          .where("key", "=", episode.key)
          .execute();
      });
    }
  }

  async #createLink(
    tx: Tx,
    episode: string,
    link: Link,
    correlationId: string,
    requestedBy: string,
    payload: Record<string, unknown> = {},
  ): Promise<void> {
    const { last_stage } = payload;
    await createJob(tx, {
      queue: link.queue,
      name: link.name,
      dedupe: `${link.name}:${episode}:${link.start ?? ""}:${link.end ?? ""}`,
      episodeKey: episode,
      startStage: link.start,
      endStage: link.end,
      correlationId,
      requestedBy,
      payload: last_stage === undefined ? {} : { last_stage },
    });
  }

  /** Looks at what ended: the next link, another try, or the dead letters. */
  async #advance(): Promise<void> {
    const { database } = this.#options;
    for (const { id } of await unadvanced(database.db, BATCH)) {
      await database.db.transaction().execute(async (tx) => {
        const job = await tx
          .selectFrom("jobs")
          .selectAll()
          .where("id", "=", id)
          .where("advanced", "=", false)
          .where("state", "in", ["done", "failed"])
          .forUpdate()
          .skipLocked()
          .executeTakeFirst();
        if (job === undefined) return;
        if (job.state === "failed") await this.#failed(tx, job);
        else await this.#done(tx, job);
      });
    }
  }

  async #done(tx: Tx, job: Awaited<ReturnType<typeof unadvanced>>[number]): Promise<void> {
    await tx.updateTable("jobs").set({ advanced: true }).where("id", "=", job.id).execute();
    const episode = job.episode_key;
    if (episode === null || job.result?.gone === true) return;
    const change = { jobId: job.id, correlationId: job.correlation_id };
    if (job.name === "project_episode") {
      await moveEpisode(tx, episode, "done", { ...change, stage: null, error: null, attempts: 0, nextRetryAt: null });
      await createJob(tx, {
        queue: INDEX_QUEUE[this.#tier],
        name: "update_index",
        dedupe: "update_index",
        correlationId: job.correlation_id,
        requestedBy: "scheduler",
        chain: false,
      });
      return;
    }
    if (!job.chain) return;
    const next = nextLink(this.#tier, job);
    if (next) await this.#createLink(tx, episode, next, job.correlation_id, job.requested_by, job.payload);
  }

  async #failed(tx: Tx, job: Awaited<ReturnType<typeof unadvanced>>[number]): Promise<void> {
    const { config, logger } = this.#options;
    const code = (job.error_code ?? "INTERNAL") as ErrorCode;
    const error = { code, message: job.error ?? code };
    const change = { jobId: job.id, correlationId: job.correlation_id, error, attempts: job.attempt };
    // Too little memory stays too little: the second try is the last, with a smaller model.
    const most =
      code === "OUT_OF_MEMORY" ? 2 : code === "JOB_CRASHED" ? 0 : ERRORS[code]?.status === 400 ? 1 : MAX_ATTEMPTS;
    if (job.attempt < most) {
      const wait = config["platform.retryBaseS"] * 4 ** (job.attempt - 1) * (0.9 + Math.random() * 0.2);
      const payload = code === "OUT_OF_MEMORY" ? { ...job.payload, smaller_model: true } : undefined;
      const at = await scheduleRetry(tx, job, wait, payload);
      if (job.episode_key)
        await moveEpisode(tx, job.episode_key, "failed", { ...change, stage: job.stage, nextRetryAt: at });
      logger.warn(
        { job: job.id, code, attempt: job.attempt, correlation_id: job.correlation_id },
        "job failed; tried again later",
      );
      return;
    }
    await buryJob(tx, job, job.attempt >= MAX_ATTEMPTS ? `failed ${job.attempt} times` : "another try would not help");
    if (job.episode_key)
      await moveEpisode(tx, job.episode_key, "failed", { ...change, stage: job.stage, nextRetryAt: null });
    logger.error({ job: job.id, code, correlation_id: job.correlation_id }, "job given up: it is in the dead letters");
  }

  /** Wakes workers: one message for each try of each job. */
  async #dispatch(): Promise<void> {
    const { database } = this.#options;
    for (;;) {
      const jobs = await undispatched(database.db, BATCH);
      if (jobs.length === 0) return;
      // First the mark, then the message: one that is lost in between is found by the sweep.
      await markDispatched(
        database.db,
        jobs.map((job) => job.id),
      );
      for (const [queue, own] of Map.groupBy(jobs, (job) => job.queue))
        await this.#jobs.enqueueMany(
          "run",
          queue,
          own.map((job) => ({
            id: `${job.id}:${job.attempt}:${job.crashes}`,
            args: { job: job.id, attempt: job.attempt, crashes: job.crashes },
          })),
        );
      if (jobs.length < BATCH) return;
    }
  }

  /** The database says how many messages wait; where the queue's store has fewer, some were lost. */
  async #findLostMessages(): Promise<void> {
    const { database, logger } = this.#options;
    for (const { queue, count } of await dispatched(database.db, SENT_S)) {
      const { waiting, deferred } = await this.#jobs.counts(queue);
      if (waiting + deferred >= count) continue;
      const again = await redispatch(database.db, queue, SENT_S);
      logger.warn({ queue, waiting, expected: count, again }, "messages of a queue were lost; its jobs are sent again");
    }
  }

  async #planDigests(): Promise<void> {
    const { config, database } = this.#options;
    const previous = CronExpressionParser.parse(config["digest.cron"]).prev().toDate();
    if (this.#lastDigest?.getTime() === previous.getTime()) return;
    const tenants = await database.db
      .selectFrom("tenants")
      .select("id")
      .where((eb) =>
        eb.exists(
          eb.selectFrom("subscriptions").select("feed_key").whereRef("subscriptions.tenant_id", "=", "tenants.id"),
        ),
      )
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom("digests")
              .select("id")
              .whereRef("digests.tenant_id", "=", "tenants.id")
              .where("digests.created_at", ">=", previous),
          ),
        ),
      )
      .where((eb) => eb.exists(eb.selectFrom("episodes").select("key").where("state", "=", "done")))
      // The very first waits until what there is has been processed: a digest of half a library helps nobody.
      .where((eb) =>
        eb.or([
          eb.exists(eb.selectFrom("digests").select("id").whereRef("digests.tenant_id", "=", "tenants.id")),
          eb.not(
            eb.exists(
              eb
                .selectFrom("jobs")
                .select("id")
                .where("name", "=", "process_episode")
                .where("state", "in", ["queued", "running", "retrying"]),
            ),
          ),
        ]),
      )
      .execute();
    for (const { id } of tenants)
      await createJob(database.db, {
        queue: "digest",
        name: "generate_digest",
        dedupe: `digest:${id}`,
        tenantId: id,
        correlationId: randomUUID(),
        requestedBy: "scheduler",
        chain: false,
      });
    if (tenants.length > 0) this.#lastDigest = previous;
  }

  #lastMeasure = 0;
  async #measure(): Promise<void> {
    if (Date.now() - this.#lastMeasure < 10_000) return;
    this.#lastMeasure = Date.now();
    await measurePlatform(this.#options.database);
  }
}

/** Sets the gauges that only the database knows. */
export async function measurePlatform(database: Database): Promise<void> {
  const { db } = database;
  for (const stat of await queueStats(db, QUEUES)) {
    metrics.queueDepth.set({ queue: stat.queue }, stat.waiting + stat.retrying);
    metrics.deadLetters.set({ queue: stat.queue }, stat.dead);
  }
  const { rows: states } = await sql<{ state: string; count: number; age: number }>`
    SELECT state, count(*)::int AS count, extract(epoch FROM now() - min(state_since))::float AS age FROM episodes GROUP BY state`.execute(
    db,
  );
  metrics.episodes.reset();
  metrics.episodeAge.reset();
  for (const { state, count, age } of states) {
    metrics.episodes.set({ state }, count);
    metrics.episodeAge.set({ state }, age);
  }
  const { rows: workers } = await sql<{ queue: string; count: number }>`
    SELECT queue, count(*)::int AS count FROM workers, unnest(queues) AS queue
    WHERE heartbeat_at > now() - interval '30 seconds' GROUP BY queue`.execute(db);
  for (const queue of QUEUES)
    metrics.workersActive.set({ queue }, workers.find((row) => row.queue === queue)?.count ?? 0);
  const { rows: feeds } = await sql<{ age: number | null }>`
    SELECT max(extract(epoch FROM now() - coalesce(last_polled_at, created_at)))::float AS age FROM feeds WHERE feed_is_wanted(key)`.execute(
    db,
  );
  metrics.feedAge.set(feeds[0]?.age ?? 0);
  const { rows: kinds } = await sql<{ kind: string; count: number; bytes: number }>`
    SELECT kind, count(*)::int AS count, sum(bytes)::float AS bytes FROM artifacts GROUP BY kind`.execute(db);
  for (const { kind, count, bytes } of kinds) {
    metrics.artifacts.set({ kind }, count);
    metrics.artifactBytes.set({ kind }, bytes);
  }
  const { rows: digests } = await sql<{ age: number | null }>`
    SELECT extract(epoch FROM now() - max(created_at))::float AS age FROM digests`.execute(db);
  if (digests[0]?.age !== null && digests[0]?.age !== undefined) metrics.digestAge.set(digests[0].age);
}
