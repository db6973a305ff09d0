import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@podcast/base";
import type { BullJob, BullQueue, QueueBackend } from "./backend.ts";

export const DEFAULT_QUEUE = "default";
const KEEP_RESULT_S = 3600;
const EXPIRES_MS = 24 * 3_600_000;

export interface EnqueueOptions {
  /** Any text. The same id waits, runs or is kept once. */
  jobId?: string;
  /** Milliseconds from now. */
  deferBy?: number;
  deferUntil?: Date;
  /** Milliseconds after which a job that has not begun is dropped. */
  expires?: number;
  /** First try counts as this one. */
  jobTry?: number;
  queue?: string;
}

export type JobStatus = "deferred" | "queued" | "in_progress" | "complete" | "not_found";

/** What a queue message carries. */
export interface Envelope {
  id: string;
  args: unknown;
  /** Tells two enqueuings with one id apart. */
  nonce: string;
  enqueuedAt: number;
  expiresAt: number;
  firstTry: number;
  /** Times that `Retry` or a shutdown gave the job back; added to the starts that the backend counts. */
  keepResultS: number;
  outcome?: { ok: true; result: unknown } | { ok: false; error: string; name: string };
}

/** An error of a job, as `result()` throws it. */
export class JobError extends Error {
  override readonly name: string;
  constructor(message: string, name = "JobError") {
    super(message);
    this.name = name;
  }
}

/**
 * Puts jobs into queues, with the semantics of arq (https://arq-docs.helpmanual.io, v0.26) on BullMQ. Where it differs
 * on purpose stands in contracts.md: locks are renewed, ids are per queue and of any shape.
 */
export class JobClient {
  readonly #backend: QueueBackend;
  readonly #queues = new Map<string, BullQueue>();

  constructor(backend: QueueBackend) {
    this.#backend = backend;
  }

  /** A queue of the backend; made once. */
  bull(name: string): BullQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = this.#backend.queue(encodeName(name));
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Queues a function by name. Returns undefined when that id is queued, running, or its result still kept. */
  async enqueue(name: string, args: unknown = {}, options: EnqueueOptions = {}): Promise<JobHandle | undefined> {
    if (options.deferBy !== undefined && options.deferUntil !== undefined)
      throw new AppError("USAGE", "A job is deferred by a time or until a time, not both.");
    const queueName = options.queue ?? DEFAULT_QUEUE;
    const queue = this.bull(queueName);
    const id = options.jobId ?? randomBytes(16).toString("hex");
    const delay = options.deferUntil ? Math.max(0, options.deferUntil.getTime() - Date.now()) : (options.deferBy ?? 0);
    const now = Date.now();
    const envelope: Envelope = {
      id,
      args,
      nonce: randomBytes(8).toString("hex"),
      enqueuedAt: now,
      expiresAt: now + delay + (options.expires ?? EXPIRES_MS),
      firstTry: options.jobTry ?? 1,
      keepResultS: KEEP_RESULT_S,
    };
    const held = await queue.getJob(encodeId(id));
    if (held !== undefined && held !== null) {
      if (!isGone(held)) return undefined;
      await held.remove().catch(() => {});
    }
    const added = await queue.add(name, envelope, {
      jobId: encodeId(id),
      delay,
      attempts: 1,
      removeOnComplete: { age: KEEP_RESULT_S * 24 },
      removeOnFail: { age: KEEP_RESULT_S * 24 },
    });
    // Two that add one id at once both get a job back: it is ours only if our nonce is in it.
    const stored = await queue.getJob(added.id as string);
    if (stored && (stored.data as Envelope).nonce !== envelope.nonce) return undefined;
    return new JobHandle(this, queueName, id);
  }

  /**
   * Queues many at once, without asking what became of each: an id that waits or runs already is left as it is, and
   * nothing is kept of what has ended.
   */
  async enqueueMany(name: string, queueName: string, jobs: readonly { id: string; args: unknown }[]): Promise<void> {
    const now = Date.now();
    await this.bull(queueName).addBulk(
      jobs.map(({ id, args }) => ({
        name,
        data: {
          id,
          args,
          nonce: id,
          enqueuedAt: now,
          expiresAt: now + 7 * EXPIRES_MS,
          firstTry: 1,
          keepResultS: 0,
        } satisfies Envelope,
        opts: { jobId: encodeId(id), attempts: 1, removeOnComplete: true, removeOnFail: true },
      })),
    );
  }

  job(id: string, queue = DEFAULT_QUEUE): JobHandle {
    return new JobHandle(this, queue, id);
  }

  async counts(queue: string): Promise<{ waiting: number; deferred: number; running: number; failed: number }> {
    const counts = await this.bull(queue).getJobCounts("waiting", "delayed", "active", "failed", "prioritized");
    return {
      waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0),
      deferred: counts.delayed ?? 0,
      running: counts.active ?? 0,
      failed: counts.failed ?? 0,
    };
  }

  async close(): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, 3000).unref());
    await Promise.race([Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => {}))), late]);
  }
}

/** One job, from anywhere: its state, its result, and the way to stop it. */
export class JobHandle {
  readonly id: string;
  readonly queue: string;
  readonly #client: JobClient;

  constructor(client: JobClient, queue: string, id: string) {
    this.#client = client;
    this.queue = queue;
    this.id = id;
  }

  async status(): Promise<JobStatus> {
    const job = await this.#find();
    if (job === undefined) return "not_found";
    const state = await job.getState();
    if (state === "completed" || state === "failed") return isGone(job) ? "not_found" : "complete";
    if (state === "active") return "in_progress";
    if (state === "delayed") return "deferred";
    return state === "unknown" ? "not_found" : "queued";
  }

  /** Waits for the end and returns the result, or throws the job's error. */
  async result(options: { timeout?: number; pollMs?: number } = {}): Promise<unknown> {
    const deadline = Date.now() + (options.timeout ?? 60_000);
    for (;;) {
      const job = await this.#find();
      if (job === undefined) throw new JobError(`job ${this.id} not found`, "ResultNotFound");
      if (job.finishedOn !== undefined && job.finishedOn !== null) {
        if (isGone(job)) throw new JobError(`job ${this.id} not found`, "ResultNotFound");
        const outcome = (job.data as Envelope).outcome;
        if (outcome?.ok) return outcome.result;
        throw new JobError(outcome?.error ?? job.failedReason ?? "failed", outcome?.name);
      }
      if (Date.now() >= deadline) throw new JobError(`job ${this.id} is not done yet`, "TimeoutError");
      await sleep(Math.min(options.pollMs ?? 100, Math.max(1, deadline - Date.now())));
    }
  }

  /** Stops the job wherever it is. True only if it was stopped: not when it had ended, or ended by itself meanwhile. */
  async abort(options: { timeout?: number } = {}): Promise<boolean> {
    const job = await this.#find();
    if (job === undefined || job.finishedOn) return false;
    const state = await job.getState();
    if (
      state !== "active" &&
      (await job.remove().then(
        () => true,
        () => false,
      ))
    )
      return true;
    const control = this.#client.bull(controlName(this.queue));
    await control.add("abort", {}, { jobId: encodeId(this.id), removeOnComplete: true, delay: 3_600_000 });
    const deadline = Date.now() + (options.timeout ?? 30_000);
    try {
      while (Date.now() < deadline) {
        const now = await this.#find();
        if (now === undefined) return false;
        if (now.finishedOn) {
          const outcome = (now.data as Envelope).outcome;
          return outcome?.ok === false && outcome.name === "Aborted";
        }
        await sleep(50);
      }
      return false;
    } finally {
      await (await control.getJob(encodeId(this.id)))?.remove().catch(() => {});
    }
  }

  async #find(): Promise<BullJob | undefined> {
    return (await this.#client.bull(this.queue).getJob(encodeId(this.id))) ?? undefined;
  }
}

/** A kept result whose time is over: BullMQ forgets it only when another job ends. */
export function isGone(job: BullJob): boolean {
  return typeof job.finishedOn === "number" && Date.now() - job.finishedOn > (job.data as Envelope).keepResultS * 1000;
}

/** BullMQ takes neither whole numbers nor ":" as an id. */
export function encodeId(id: string): string {
  return `j-${Buffer.from(id, "utf8").toString("base64url")}`;
}

function encodeName(name: string): string {
  return name.replaceAll(":", "_");
}

/** Beside each queue lies one that nobody works on: requests to abort, and the worker's sign of life. */
export function controlName(queue: string): string {
  return `${queue}-control`;
}
