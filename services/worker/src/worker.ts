import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import {
  AppError,
  type Config,
  corpusDir,
  HttpClient,
  type Logger,
  metrics,
  toAppError,
  VERSION,
  writeJson,
} from "@podcast/base";
import { Corpus } from "@podcast/corpus";
import { LanguageModel, ModelHub } from "@podcast/pipeline";
import {
  announceProgress,
  type ClaimedJob,
  claimJob,
  type Database,
  finishJob,
  JobWorker,
  moveEpisode,
  type QueueBackend,
  readSettings,
  renewLease,
  timeoutOf,
} from "@podcast/platform";
import { sql } from "kysely";
import { JOB_KINDS } from "./jobs/index.ts";
import type { JobKind } from "./jobs/job.ts";
import { smallerWhisper } from "./smaller-model.ts";

export interface WorkerOptions {
  /** Queue → jobs at once. */
  queues: Record<string, number>;
  config: Config;
  /** Settings changed while running are read again for each job; without them the config stays as it is. */
  reload?: ((settings: Record<string, unknown>) => Config) | undefined;
  database: Database;
  backend: QueueBackend;
  logger: Logger;
  id?: string;
  /** Kinds of jobs instead of the real ones; for tests that need a fast stage behind the real interfaces. */
  kinds?: ReadonlyMap<string, JobKind>;
}

interface Running {
  job: ClaimedJob;
  controller: AbortController;
  stage: string | null;
  share: number;
  since: number;
  /** When its progress was told last, and what tells the newest a second after that. */
  told: number;
  telling: NodeJS.Timeout | undefined;
}

/** A config and the models that are loaded for it. */
interface SetUp {
  config: Config;
  models: ModelHub;
  /** Jobs that use it now, and since when none does. */
  users: number;
  idleSince: number;
}

const HEARTBEAT_MS = 5000;
const PROGRESS_MS = 1000;
/** A job that is over in a moment need not tell of it. */
const FIRST_PROGRESS_MS = 300;

/**
 * A pool's worker: takes jobs of its queues, runs them under a lease that it renews, and writes down how they ended.
 * The database decides who has a job; the queue only wakes.
 */
export class Worker {
  readonly id: string;
  readonly #options: WorkerOptions;
  readonly #running = new Map<string, Running>();
  readonly #workers: JobWorker[] = [];
  readonly #controller = new AbortController();
  readonly #http: HttpClient;
  readonly #setUps = new Map<string, SetUp>();
  readonly #corpus: Corpus;
  #timer: NodeJS.Timeout | undefined;
  #state: "starting" | "running" | "draining" | "stopped" = "starting";

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.id = options.id ?? `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`;
    this.#http = new HttpClient({ allowHosts: options.config.allowHosts });
    this.#corpus = new Corpus(corpusDir(options.config));
  }

  get state(): string {
    return this.#state;
  }
  async start(): Promise<void> {
    await this.#options.backend.prepare();
    await this.#sign();
    for (const [queue, concurrency] of Object.entries(this.#options.queues)) {
      const worker = new JobWorker(this.#options.backend, {
        queue,
        maxJobs: concurrency,
        // What a job may take is decided per job, below; this bounds what got lost.
        timeout: timeoutOf(queue, 12 * 3_600_000),
        keepResult: 0,
        maxTries: 1000,
        graceMs: this.#options.config["worker.graceS"] * 1000,
        logger: this.#options.logger,
        functions: {
          run: { keepResult: 0, run: (context, args: Message) => this.#take(args, context.signal) },
        },
      });
      await worker.start();
      this.#workers.push(worker);
    }
    // Two beats may be lost before the lease ends.
    const every = Math.min(HEARTBEAT_MS, (this.#options.config["platform.leaseS"] * 1000) / 3);
    this.#timer = setInterval(() => void this.#beat().catch((error) => this.#warn(error, "heartbeat")), every);
    this.#state = "running";
    await this.#sign();
    this.#options.logger.info({ worker_id: this.id, queues: this.#options.queues }, "worker ready");
    if (this.#options.config["models.warm"]) void this.#warm().catch((error) => this.#warn(error, "warming models"));
  }

  /** Takes nothing new, finishes what runs within the grace period, gives the rest back at its last finished stage. */
  async stop(graceMs = this.#options.config["worker.graceS"] * 1000): Promise<void> {
    if (this.#state === "stopped" || this.#state === "draining") return;
    this.#state = "draining";
    await this.#sign().catch(() => {});
    const timer = setTimeout(() => {
      for (const { controller } of this.#running.values()) controller.abort(new GiveBack());
    }, graceMs);
    await Promise.all(this.#workers.map((worker) => worker.stop(graceMs + 15_000)));
    clearTimeout(timer);
    clearInterval(this.#timer);
    clearTimeout(this.#signing);
    this.#controller.abort();
    await Promise.all([...this.#setUps.values()].map(({ models }) => models.close()));
    await this.#http.destroy();
    this.#state = "stopped";
    await this.#options.database.db
      .deleteFrom("workers")
      .where("id", "=", this.id)
      .execute()
      .catch(() => {});
  }

  async #take(message: Message, given: AbortSignal): Promise<void> {
    const { database, config } = this.#options;
    const leaseS = config["platform.leaseS"];
    const job = await claimJob(database.db, message.job, message, this.id, leaseS);
    if (typeof job === "string") return;
    const controller = new AbortController();
    const since = Date.now();
    const told = since - PROGRESS_MS + FIRST_PROGRESS_MS;
    const running: Running = { job, controller, stage: null, share: 0, since, told, telling: undefined };
    this.#running.set(job.id, running);
    // The queue's worker stops: the same as our own stop.
    const giveBack = () => controller.abort(new GiveBack());
    given.addEventListener("abort", giveBack, { once: true });
    const logger = this.#options.logger.child({
      correlation_id: job.correlation_id,
      worker_id: this.id,
      queue: job.queue,
      job: job.id,
    });
    const stopTimer = metrics.queueSeconds.startTimer({ queue: job.queue });
    try {
      logger.info({ name: job.name, attempt: job.attempt, ...about(job) }, "job started");
      await this.#run(job, running, logger);
    } finally {
      given.removeEventListener("abort", giveBack);
      stopTimer();
      this.#running.delete(job.id);
      clearTimeout(running.telling);
      this.#signSoon();
    }
  }

  async #run(job: ClaimedJob, running: Running, logger: Logger): Promise<void> {
    const { database } = this.#options;
    const { signal } = running.controller;
    let timer: NodeJS.Timeout | undefined;
    let setUp: SetUp | undefined;
    const languageModelCache = join(this.#corpus.layout.root, ".cache", "llm");
    try {
      const kind = (this.#options.kinds ?? JOB_KINDS).get(job.name);
      if (kind === undefined) throw new AppError("INTERNAL", `No worker knows how to ${job.name}.`);
      setUp = await this.#setUpFor(job.payload.smaller_model === true);
      const { config, models } = setUp;
      const audioMs = await this.#audioMs(job);
      const limit = timeoutOf(job.queue, audioMs);
      timer = setTimeout(
        () =>
          running.controller.abort(new AppError("JOB_TIMEOUT", `Not done within ${Math.round(limit / 60_000)} min.`)),
        limit,
      );
      const done = await kind.run({
        job,
        workerId: this.id,
        database,
        corpus: this.#corpus,
        config,
        http: this.#http,
        models,
        languageModel: new LanguageModel(config, languageModelCache),
        logger,
        signal,
        progress: (stage, share) => {
          running.stage = stage;
          running.share = share;
          this.#tell(running);
        },
      });
      signal.throwIfAborted();
      const held = await finishJob(
        database.db,
        job,
        this.id,
        { state: "done", ...(done.result ? { result: done.result } : {}) },
        done.commit,
      );
      metrics.jobAttempts.inc({ queue: job.queue, outcome: held ? "done" : "lost" });
      if (!held) metrics.leaseLost.inc();
      logger.info({ seconds: (Date.now() - running.since) / 1000, ...about(job) }, "job done");
    } catch (raw) {
      await this.#ended(job, running, signal.aborted ? signal.reason : raw, raw, logger);
    } finally {
      clearTimeout(timer);
      if (setUp) this.#letGo(setUp);
    }
  }

  async #ended(job: ClaimedJob, running: Running, reason: unknown, raw: unknown, logger: Logger): Promise<void> {
    const { database } = this.#options;
    if (reason instanceof LeaseLost) {
      metrics.leaseLost.inc();
      metrics.jobAttempts.inc({ queue: job.queue, outcome: "lost" });
      logger.warn("the lease ended while the job ran: somebody else has it");
      return;
    }
    if (reason instanceof GiveBack) {
      metrics.jobAttempts.inc({ queue: job.queue, outcome: "given_back" });
      await finishJob(database.db, job, this.id, { state: "queued" });
      logger.info("job given back: this worker stops");
      return;
    }
    if (reason instanceof Cancelled) {
      metrics.jobAttempts.inc({ queue: job.queue, outcome: "cancelled" });
      await finishJob(database.db, job, this.id, { state: "cancelled" }, async (tx) => {
        if (job.episode_key)
          await moveEpisode(tx, job.episode_key, "cancelled", { jobId: job.id, correlationId: job.correlation_id });
      });
      logger.info("job cancelled");
      return;
    }
    const error = toAppError(reason instanceof AppError ? reason : raw);
    metrics.jobAttempts.inc({ queue: job.queue, outcome: "failed" });
    logger.error(
      { code: error.code, stage: running.stage, err: error.code === "INTERNAL" ? error : undefined },
      error.message,
    );
    await finishJob(database.db, job, this.id, {
      state: "failed",
      error: { code: error.code, message: error.hint ? `${error.message} → ${error.hint}` : error.message },
    });
  }

  /**
   * Config and models of a job: what an admin changed meanwhile counts, and memory that was too small. Models stay
   * loaded as long as the settings stay the same; those of other settings go when nobody uses them any more.
   */
  #letGo(setUp: SetUp): void {
    setUp.users--;
    setUp.idleSince = Date.now();
  }

  /** Gives the memory of models back that nobody has used for a while; the next job loads them again. */
  async #unload(): Promise<void> {
    for (const [name, held] of this.#setUps) {
      const idleMs = held.config["models.idleS"] * 1000;
      if (held.users > 0 || idleMs === 0 || Date.now() - held.idleSince < idleMs) continue;
      this.#setUps.delete(name);
      await held.models.close();
      this.#options.logger.info("models were not used for a while and are unloaded");
    }
  }

  /** Loads what the queues of this pool need. A model that cannot be had is named here, and again by its first job. */
  async #warm(): Promise<void> {
    const queues = new Set(Object.keys(this.#options.queues));
    const speech = queues.has("heavy") || queues.has("transcribe");
    const meaning = queues.has("heavy") || queues.has("enrich") || queues.has("index");
    if (!speech && !meaning) return;
    const started = Date.now();
    const setUp = await this.#setUpFor(false);
    try {
      await setUp.models.warm({ speech, meaning });
      this.#options.logger.info({ seconds: (Date.now() - started) / 1000 }, "models are loaded");
    } catch (error) {
      this.#options.logger.warn({ code: toAppError(error).code }, "models could not be loaded beforehand");
    } finally {
      this.#letGo(setUp);
    }
  }

  async #setUpFor(smaller: boolean): Promise<SetUp> {
    const settings = this.#options.reload ? await readSettings(this.#options.database.db) : {};
    const name = JSON.stringify([settings, smaller]);
    let setUp = this.#setUps.get(name);
    if (setUp === undefined) {
      let config = this.#options.reload?.(settings) ?? this.#options.config;
      if (smaller) config = { ...config, "transcription.model": smallerWhisper(config["transcription.model"]) };
      const { logger } = this.#options;
      // Fetching and building take minutes the first time: whoever watches should know what is waited for.
      const fetched = new Set<string>();
      const models = new ModelHub({
        config,
        logger,
        signal: this.#controller.signal,
        onInstall: ({ model, source, total }) => {
          if (fetched.has(`${model} ${source}`)) return;
          fetched.add(`${model} ${source}`);
          logger.info({ model, source, bytes: total }, "fetching a model");
        },
        onBuild: (line) => logger.info(line),
      });
      setUp = { config, models, users: 0, idleSince: Date.now() };
      this.#setUps.set(name, setUp);
    }
    setUp.users++;
    for (const [other, held] of this.#setUps) {
      if (held.users > 0) continue;
      this.#setUps.delete(other);
      await held.models.close();
    }
    return setUp;
  }

  async #audioMs(job: ClaimedJob): Promise<number> {
    if (job.episode_key === null) return 0;
    const row = await this.#options.database.db
      .selectFrom("episodes")
      .select("duration_ms")
      .where("key", "=", job.episode_key)
      .executeTakeFirst();
    return row?.duration_ms ?? 3 * 3_600_000;
  }

  /** Renews the leases of all running jobs, and heeds what was asked meanwhile. */
  async #beat(): Promise<void> {
    const { database, config } = this.#options;
    await Promise.all(
      [...this.#running.values()].map(async ({ job, controller, stage, share }) => {
        const answer = await renewLease(database.db, job, this.id, config["platform.leaseS"], { stage, share });
        if (answer === "lost") controller.abort(new LeaseLost());
        else if (answer === "cancel") controller.abort(new Cancelled());
      }),
    );
    await this.#sign();
    await this.#unload();
    const wanted = await database.db
      .selectFrom("queues")
      .select(["name", "concurrency"])
      .where("concurrency", "is not", null)
      .execute();
    for (const { name, concurrency } of wanted) {
      const index = Object.keys(this.#options.queues).indexOf(name);
      if (index >= 0 && concurrency !== null) (this.#workers[index] as JobWorker).concurrency = concurrency;
    }
  }

  #signing: NodeJS.Timeout | undefined;
  /** Short jobs come many a second: the table of workers need not follow each. */
  #signSoon(): void {
    if (this.#state === "draining" || this.#state === "stopped") return;
    this.#signing ??= setTimeout(() => {
      this.#signing = undefined;
      void this.#sign().catch(() => {});
    }, 500);
  }

  async #sign(): Promise<void> {
    const current = JSON.stringify(
      [...this.#running.values()].map(({ job, stage, share, since }) => ({
        job: job.id,
        queue: job.queue,
        name: job.name,
        episode: job.episode_key,
        stage,
        progress: share,
        since: new Date(since).toISOString(),
      })),
    );
    const row = { state: this.#state, current, heartbeat_at: sql<Date>`now()` };
    await this.#options.database.db
      .insertInto("workers")
      .values({
        id: this.id,
        queues: Object.keys(this.#options.queues),
        host: hostname(),
        pid: process.pid,
        version: VERSION,
        ...row,
      })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
      .execute();
  }

  /** Tells how far a job is at most once a second, and never leaves out where it stays. */
  #tell(running: Running): void {
    running.telling ??= setTimeout(
      () => {
        running.telling = undefined;
        running.told = Date.now();
        if (this.#running.has(running.job.id)) void this.#status(running).catch(() => {});
      },
      Math.max(0, running.told + PROGRESS_MS - Date.now()),
    );
  }

  /** The status file of contracts.md, the database's progress, and a word to who listens. */
  async #status(running: Running): Promise<void> {
    const { job, stage, share } = running;
    await writeJson(join(this.#corpus.layout.root, ".pipeline_status", `${this.id}.json`), {
      schema: 1,
      worker: this.id,
      job: job.id,
      episode: job.episode_key,
      stage,
      progress: share,
      updated: new Date().toISOString(),
    });
    await renewLease(this.#options.database.db, job, this.id, this.#options.config["platform.leaseS"], {
      stage,
      share,
    });
    await announceProgress(this.#options.database.db, job, stage, share);
  }

  #warn(error: unknown, what: string): void {
    this.#options.logger.warn({ err: error }, `${what} failed`);
  }
}

function about(job: ClaimedJob): Record<string, string> {
  return { ...(job.episode_key ? { episode: job.episode_key } : {}), ...(job.feed_key ? { feed: job.feed_key } : {}) };
}

/** What a queue message says: which job, in which of its tries. */
export interface Message {
  job: string;
  attempt: number;
  crashes: number;
}

class GiveBack extends Error {}
class LeaseLost extends Error {}
class Cancelled extends Error {}
