import { AppError } from "@podcast/base";
import { createPostgresBackend, Queue, type QueueOptions, Worker, type WorkerOptions, withBackend } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";

const POSTGRES = withBackend(createPostgresBackend);
/** Where BullMQ keeps its tables in our database. */
export const QUEUE_SCHEMA = "bullmq";

type Processor = (job: BullJob, token?: string) => Promise<unknown>;
// The two backends differ in type parameters only; what we use of them is the same.
export type BullQueue = Queue;
export type BullWorker = Worker;
export type BullJob = NonNullable<Awaited<ReturnType<Queue["getJob"]>>>;

/** BullMQ over Redis or over Postgres, behind one face. One connection (pool) for everything that is made here. */
export class QueueBackend {
  readonly kind: "redis" | "postgres";
  readonly #url: string;
  readonly #prefix: string;
  #redis: Redis | undefined;
  #pool: pg.Pool | undefined;
  #ready: Promise<void> | undefined;

  private constructor(kind: "redis" | "postgres", url: string, prefix: string) {
    this.kind = kind;
    this.#url = url;
    this.#prefix = prefix;
  }

  /** @param url - redis:// or postgres://. Throws CONFIG_INVALID for anything else. */
  static open(url: string, prefix = "podcast"): QueueBackend {
    const kind = /^rediss?:/.test(url) ? "redis" : /^postgres(?:ql)?:/.test(url) ? "postgres" : undefined;
    if (kind === undefined)
      throw new AppError("CONFIG_INVALID", "QUEUE_URL is neither a redis:// nor a postgres:// address.");
    return new QueueBackend(kind, url, prefix);
  }

  /** Makes what the backend needs: BullMQ's tables in Postgres, once. */
  async prepare(): Promise<void> {
    if (this.kind === "redis") return;
    this.#ready ??= (async () => {
      const probe = new POSTGRES.Queue("setup", {
        connection: { connectionString: this.#url, schema: QUEUE_SCHEMA, migrate: true, max: 2 },
      });
      probe.on("error", () => {});
      await probe.waitUntilReady();
      await probe.close();
    })();
    await this.#ready;
  }

  queue(name: string): BullQueue {
    const options = { prefix: this.#prefix, connection: this.#connection() };
    const queue =
      this.kind === "redis"
        ? new Queue(name, options as QueueOptions)
        : (new POSTGRES.Queue(name, options as never) as unknown as BullQueue);
    queue.on("error", () => {});
    return queue;
  }

  worker(name: string, process: Processor, options: Omit<WorkerOptions, "connection">): BullWorker {
    const all = { ...options, prefix: this.#prefix, connection: this.#connection(true) };
    const worker =
      this.kind === "redis"
        ? new Worker(name, process as never, all as WorkerOptions)
        : (new POSTGRES.Worker(name, process as never, all as never) as unknown as BullWorker);
    worker.on("error", () => {});
    return worker;
  }

  /** Round trip to the queue's store, milliseconds. */
  async ping(): Promise<number> {
    const started = performance.now();
    if (this.kind === "redis") await (this.#connection() as Redis).ping();
    else await (this.#connection() as pg.Pool).query("SELECT 1");
    return performance.now() - started;
  }

  async close(): Promise<void> {
    // What was to be said has been said; a store that is down is not waited for.
    this.#redis?.disconnect();
    await this.#pool?.end();
  }

  #connection(blocking = false): Redis | pg.Pool | { connectionString: string; schema: string; max: number } {
    if (this.kind === "postgres") {
      if (blocking) return { connectionString: this.#url, schema: QUEUE_SCHEMA, max: 4 };
      if (this.#pool === undefined) {
        this.#pool = new pg.Pool({
          connectionString: this.#url,
          max: 6,
          options: `-c search_path=${QUEUE_SCHEMA}`,
        });
        this.#pool.on("error", () => {});
        // Every queue on it listens for errors of its own.
        this.#pool.setMaxListeners(100);
      }
      return this.#pool;
    }
    if (this.#redis === undefined) {
      this.#redis = new Redis(this.#url, {
        maxRetriesPerRequest: null,
        retryStrategy: (tries) => Math.min(2000, tries * 100),
      });
      this.#redis.on("error", () => {});
    }
    return this.#redis;
  }
}
