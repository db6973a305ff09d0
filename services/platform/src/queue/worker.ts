import { AppError, type Logger } from "@podcast/base";
import { DelayedError, UnrecoverableError, WaitingError } from "bullmq";
import type { BullJob, BullWorker, QueueBackend } from "./backend.ts";
import { controlName, DEFAULT_QUEUE, type Envelope, encodeId, JobClient, JobError } from "./jobs.ts";

/** Throw it in a job to run it again later; each time counts as a try. */
export class Retry extends Error {
  readonly deferBy: number;
  constructor(options: { deferBy?: number } = {}) {
    super("retry");
    this.name = "Retry";
    this.deferBy = options.deferBy ?? 0;
  }
}

export interface JobContext {
  jobId: string;
  jobTry: number;
  enqueueTime: Date;
  /** Time from which the job may run, milliseconds; arq's ordering key. */
  score: number;
  signal: AbortSignal;
  logger: Logger;
}

export type JobFunction = (context: JobContext, args: never) => Promise<unknown>;

export interface FunctionOptions {
  run: JobFunction;
  /** Milliseconds; then the job fails and its signal fires. */
  timeout?: number;
  maxTries?: number;
  /** Seconds. 0: the id is free at once. */
  keepResult?: number;
}

type CronField = number | readonly number[];

/** When a function runs by itself; what is left out means "every", but for second (0). */
export interface CronJob {
  name: string;
  run: JobFunction;
  month?: CronField;
  day?: CronField;
  /** 0 is Sunday. */
  weekday?: CronField;
  hour?: CronField;
  minute?: CronField;
  second?: CronField;
  runAtStartup?: boolean;
  /** Once for all workers, not once a worker. */
  unique?: boolean;
  timeZone?: string;
  timeout?: number;
}

export interface WorkerHooks {
  onStartup?: () => Promise<void> | void;
  onShutdown?: () => Promise<void> | void;
  onJobStart?: (context: JobContext) => Promise<void> | void;
  onJobEnd?: (context: JobContext) => Promise<void> | void;
  /** After the result is kept. */
  afterJobEnd?: (context: JobContext) => Promise<void> | void;
}

export interface JobWorkerOptions extends WorkerHooks {
  functions: Record<string, JobFunction | FunctionOptions>;
  cron?: readonly CronJob[];
  queue?: string;
  maxJobs?: number;
  maxTries?: number;
  /** Milliseconds. */
  timeout?: number;
  /** Seconds. */
  keepResult?: number;
  healthMs?: number;
  /** How long running jobs may go on after a stop, milliseconds. */
  graceMs?: number;
  /** Ends when the queue is empty. */
  burst?: boolean;
  lockMs?: number;
  logger: Logger;
  workerId?: string;
}

export interface WorkerCounts {
  complete: number;
  failed: number;
  retried: number;
  ongoing: number;
}

const PACE_MS = 250;

/** Runs jobs of one queue: arq's worker on BullMQ. */
export class JobWorker {
  readonly counts: WorkerCounts = { complete: 0, failed: 0, retried: 0, ongoing: 0 };
  readonly #options: JobWorkerOptions;
  readonly #backend: QueueBackend;
  readonly #client: JobClient;
  readonly #queue: string;
  readonly #functions = new Map<string, FunctionOptions>();
  readonly #running = new Map<string, { controller: AbortController; done: Promise<unknown> }>();
  readonly #failures: Error[] = [];
  #worker: BullWorker | undefined;
  #timers: NodeJS.Timeout[] = [];
  #stopping = false;

  constructor(backend: QueueBackend, options: JobWorkerOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#queue = options.queue ?? DEFAULT_QUEUE;
    this.#client = new JobClient(backend);
    for (const [name, entry] of Object.entries(options.functions))
      this.#functions.set(name, typeof entry === "function" ? { run: entry } : entry);
    for (const cron of options.cron ?? [])
      this.#functions.set(`cron:${cron.name}`, {
        run: cron.run,
        maxTries: 1,
        ...(cron.timeout ? { timeout: cron.timeout } : {}),
      });
    if (this.#functions.size === 0) throw new AppError("USAGE", "A worker needs at least one function or cron job.");
  }

  async start(): Promise<void> {
    await this.#backend.prepare();
    await this.#options.onStartup?.();
    const lockDuration = this.#options.lockMs ?? 30_000;
    this.#worker = this.#backend.worker(this.#queue, (job, token) => this.#process(job, token as string), {
      concurrency: this.#options.maxJobs ?? 10,
      lockDuration,
      stalledInterval: lockDuration / 2,
      // Crashes are counted by us, against maxTries.
      maxStalledCount: 1_000_000,
      maxStartedAttempts: 1_000_000,
      drainDelay: 2,
    });
    await this.#worker.waitUntilReady();
    await this.#schedule();
    this.#timers.push(setInterval(() => void this.#sign().catch(() => {}), this.#options.healthMs ?? 60_000));
    this.#timers.push(setInterval(() => void this.#heed().catch(() => {}), PACE_MS));
    await this.#sign();
  }

  set concurrency(value: number) {
    if (this.#worker) this.#worker.concurrency = value;
  }

  /** Burst mode: runs until nothing waits; throws when a job failed. */
  async runUntilEmpty(): Promise<void> {
    await this.start();
    for (;;) {
      const counts = await this.#client.counts(this.#queue);
      if (counts.waiting + counts.running + counts.deferred === 0 && this.#running.size === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.stop();
    if (this.#failures.length > 0)
      throw new AggregateError(this.#failures, `${this.#failures.length} job(s) failed: ${this.#failures[0]?.message}`);
  }

  /**
   * Takes nothing new, lets running jobs go on for the grace period, then stops them and gives them back to the queue.
   */
  async stop(graceMs = this.#options.graceMs ?? 30_000): Promise<void> {
    if (this.#worker === undefined || this.#stopping) return;
    this.#stopping = true;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    await within(STORE_MS, this.#worker.pause(true));
    const idle = Promise.allSettled([...this.#running.values()].map(({ done }) => done));
    const timer = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
    await Promise.race([idle, timer]);
    for (const { controller } of this.#running.values()) controller.abort(new GiveBack());
    await idle;
    await within(STORE_MS, this.#worker.close());
    const unsign = async () => (await this.#client.bull(controlName(this.#queue)).getJob("health"))?.remove();
    await within(STORE_MS, unsign());
    await within(STORE_MS, this.#client.close());
    await this.#options.onShutdown?.();
  }

  async #process(job: BullJob, token: string): Promise<unknown> {
    const envelope = this.#read(job);
    const entry = this.#functions.get(job.name);
    const tries = envelope.firstTry - 1 + job.attemptsStarted;
    const most = entry?.maxTries ?? this.#options.maxTries ?? 5;
    const keep = entry?.keepResult ?? this.#options.keepResult ?? 3600;
    if (entry === undefined) return this.#fail(job, envelope, keep, new JobError(`function '${job.name}' not found`));
    if (Date.now() > envelope.expiresAt)
      return this.#fail(job, envelope, keep, new JobError("job expired", "JobExpired"));
    if (tries > most)
      return this.#fail(job, envelope, keep, new JobError(`max ${most} retries exceeded`, "MaxTriesExceeded"));
    const controller = new AbortController();
    const context: JobContext = {
      jobId: envelope.id,
      jobTry: tries,
      enqueueTime: new Date(envelope.enqueuedAt),
      score: job.timestamp + (job.delay ?? 0),
      signal: controller.signal,
      logger: this.#options.logger.child({ job: envelope.id, queue: this.#queue }),
    };
    const work = this.#call(entry, context, envelope, controller);
    this.#running.set(job.id as string, { controller, done: work.catch(() => {}) });
    this.counts.ongoing = this.#running.size;
    try {
      const result = await work;
      return await this.#complete(job, envelope, keep, result);
    } catch (raw) {
      const error = controller.signal.aborted ? (controller.signal.reason as Error) : (raw as Error);
      if (error instanceof GiveBack) {
        this.counts.retried++;
        await job.moveToWait(token);
        throw new WaitingError();
      }
      if (raw instanceof Retry && !controller.signal.aborted) {
        this.counts.retried++;
        await job.moveToDelayed(Date.now() + raw.deferBy, token);
        throw new DelayedError();
      }
      return await this.#fail(job, envelope, keep, error);
    } finally {
      this.#running.delete(job.id as string);
      this.counts.ongoing = this.#running.size;
      await this.#options.afterJobEnd?.(context);
    }
  }

  async #call(
    entry: FunctionOptions,
    context: JobContext,
    envelope: Envelope,
    controller: AbortController,
  ): Promise<unknown> {
    const limit = entry.timeout ?? this.#options.timeout ?? 300_000;
    const timer = setTimeout(
      () => controller.abort(new JobError(`timed out after ${limit} ms`, "TimeoutError")),
      limit,
    );
    const stopped = new Promise<never>((_, reject) =>
      controller.signal.addEventListener("abort", () => {
        // The function gets a moment to see its signal; a deaf one is left behind.
        setTimeout(() => reject(controller.signal.reason), 5000).unref();
      }),
    );
    try {
      await this.#options.onJobStart?.(context);
      return await Promise.race([entry.run(context, envelope.args as never), stopped]);
    } finally {
      clearTimeout(timer);
      await this.#options.onJobEnd?.(context);
    }
  }

  async #complete(job: BullJob, envelope: Envelope, keep: number, result: unknown): Promise<unknown> {
    try {
      JSON.stringify(result);
    } catch (error) {
      return this.#fail(
        job,
        envelope,
        keep,
        new JobError(`unable to serialize result: ${(error as Error).message}`, "SerializationError"),
      );
    }
    this.counts.complete++;
    if (keep === 0) return null;
    await job.updateData({
      ...envelope,
      keepResultS: keep,
      outcome: { ok: true, result: result ?? null },
    } satisfies Envelope);
    return null;
  }

  async #fail(job: BullJob, envelope: Envelope, keep: number, error: Error): Promise<never> {
    this.counts.failed++;
    this.#failures.push(error);
    await job.updateData({
      ...envelope,
      keepResultS: keep,
      outcome: { ok: false, error: error.message, name: error.name },
    } satisfies Envelope);
    throw new UnrecoverableError(error.message);
  }

  /** Jobs of a cron schedule are made by BullMQ: they get their envelope here. */
  #read(job: BullJob): Envelope {
    const data = job.data as Partial<Envelope>;
    if (data.nonce !== undefined) return data as Envelope;
    return {
      id: job.id as string,
      args: {},
      nonce: "cron",
      enqueuedAt: job.timestamp,
      expiresAt: Number.POSITIVE_INFINITY,
      firstTry: 1,
      keepResultS: 0,
    };
  }

  async #schedule(): Promise<void> {
    const queue = this.#client.bull(this.#queue);
    for (const cron of this.#options.cron ?? []) {
      const name = `cron:${cron.name}`;
      const owner = cron.unique === false ? `${name}:${this.#options.workerId ?? process.pid}` : name;
      await queue.upsertJobScheduler(
        encodeId(owner),
        { pattern: cronPattern(cron), ...(cron.timeZone ? { tz: cron.timeZone } : {}) },
        { name, data: {}, opts: { attempts: 1, removeOnComplete: 20, removeOnFail: 20 } },
      );
      if (cron.runAtStartup)
        await this.#client.enqueue(
          name,
          {},
          { queue: this.#queue, jobId: `${owner}:startup:${Math.floor(Date.now() / 1000)}` },
        );
    }
  }

  /** The sign of life that `isHealthy` reads. */
  async #sign(): Promise<void> {
    const control = this.#client.bull(controlName(this.#queue));
    const data = { at: Date.now(), everyMs: this.#options.healthMs ?? 60_000, ...this.counts };
    const held = await control.getJob("health");
    if (held) await held.updateData(data);
    else await control.add("health", data, { jobId: "health", delay: 10 * 365 * 86_400_000 });
  }

  /** Looks for requests to abort what runs here. */
  async #heed(): Promise<void> {
    if (this.#running.size === 0) return;
    const control = this.#client.bull(controlName(this.#queue));
    for (const [id, { controller }] of this.#running) {
      if (controller.signal.aborted) continue;
      if (await control.getJob(id)) controller.abort(new JobError("aborted", "Aborted"));
    }
  }
}

/** Longest wait for the queue's store at the end, milliseconds: one that is down must not keep us. */
const STORE_MS = 3000;

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}

class GiveBack extends Error {
  constructor() {
    super("given back: the worker stops");
    this.name = "GiveBack";
  }
}

/** Whether some worker of the queue has signed within its interval (and a second). */
export async function isHealthy(client: JobClient, queue: string): Promise<boolean> {
  const job = await client.bull(controlName(queue)).getJob("health");
  const data = job?.data as { at?: number; everyMs?: number } | undefined;
  return data?.at !== undefined && Date.now() - data.at < (data.everyMs ?? 60_000) + 1000;
}

/** The fields as a cron expression with seconds. */
export function cronPattern(cron: CronJob): string {
  const field = (value: CronField | undefined, fallback: "*" | "0", low: number, high: number) => {
    if (value === undefined) return fallback;
    const values = typeof value === "number" ? [value] : value;
    for (const one of values)
      if (!Number.isInteger(one) || one < low || one > high)
        throw new AppError("USAGE", `cron ${cron.name}: ${one} is not between ${low} and ${high}.`);
    return values.join(",");
  };
  return [
    field(cron.second, "0", 0, 59),
    field(cron.minute, "*", 0, 59),
    field(cron.hour, "*", 0, 23),
    field(cron.day, "*", 1, 31),
    field(cron.month, "*", 1, 12),
    field(cron.weekday, "*", 0, 6),
  ].join(" ");
}
