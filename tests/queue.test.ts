import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "@podcast/base";
import { isHealthy, JobClient, JobWorker, type JobWorkerOptions, QueueBackend, Retry } from "@podcast/platform";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startDatabase, startRedis } from "./helpers/servers.ts";

/** The arq contract of contracts.md, one suite for both backends. */
describe.each(["redis", "postgres"] as const)("queue on %s", (kind) => {
  let stop: () => Promise<void>;
  let backend: QueueBackend;
  let client: JobClient;
  let number = 0;
  const workers: JobWorker[] = [];

  beforeAll(async () => {
    const server = kind === "redis" ? await startRedis() : await startDatabase(false);
    stop = server.stop;
    backend = QueueBackend.open(server.url);
    await backend.prepare();
    client = new JobClient(backend);
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  });
  afterAll(async () => {
    await client?.close();
    await backend?.close();
    await stop?.();
  });

  const nextQueue = () => `q${kind}${++number}`;
  const start = async (options: Partial<JobWorkerOptions> & { queue: string }) => {
    const worker = new JobWorker(backend, { functions: {}, logger: silentLogger(), ...options } as JobWorkerOptions);
    workers.push(worker);
    await worker.start();
    return worker;
  };

  test("runs a function and keeps its result", async () => {
    const queue = nextQueue();
    await start({ queue, functions: { add: async (_context, { a, b }: { a: number; b: number }) => a + b } });
    const job = await client.enqueue("add", { a: 2, b: 3 }, { queue });
    expect(await job?.result()).toBe(5);
    expect(await job?.status()).toBe("complete");
    expect(await client.job("nobody", queue).status()).toBe("not_found");
  });

  test("the context tells id, try, times, signal and logger", async () => {
    const queue = nextQueue();
    await start({
      queue,
      functions: {
        show: async (context) => ({
          id: context.jobId,
          tries: context.jobTry,
          recent: Date.now() - context.enqueueTime.getTime() < 60_000,
          aborted: context.signal.aborted,
          score: context.score > 0,
          logs: typeof context.logger.info,
        }),
      },
    });
    const job = await client.enqueue("show", {}, { queue, jobId: "42", jobTry: 2 });
    expect(await job?.result()).toEqual({
      id: "42",
      tries: 2,
      recent: true,
      aborted: false,
      score: true,
      logs: "function",
    });
  });

  test("an unknown function fails by name", async () => {
    const queue = nextQueue();
    await start({ queue, functions: { known: async () => 1 } });
    const job = await client.enqueue("x", {}, { queue });
    await expect(job?.result()).rejects.toThrow("function 'x' not found");
  });

  test("one id is queued once, also when many ask at the same moment, until its result is gone", async () => {
    const queue = nextQueue();
    const id = "feed:1/Владимир 🎧";
    const asked = await Promise.all(Array.from({ length: 8 }, () => client.enqueue("slow", {}, { queue, jobId: id })));
    expect(asked.filter((one) => one !== undefined)).toHaveLength(1);
    await start({ queue, functions: { slow: { run: async () => 1, keepResult: 1 } } });
    const job = asked.find((one) => one !== undefined);
    expect(await job?.result()).toBe(1);
    expect(await client.enqueue("slow", {}, { queue, jobId: id })).toBeUndefined();
    await expect.poll(() => job?.status(), { timeout: 5000 }).toBe("not_found");
    expect(await client.enqueue("slow", {}, { queue, jobId: id })).toBeDefined();
    // The same id in another queue is another job.
    expect(await client.enqueue("slow", {}, { queue: nextQueue(), jobId: id })).toBeDefined();
  });

  test("defers by a time or until a time, not both", async () => {
    const queue = nextQueue();
    await start({ queue, functions: { now: async () => Date.now() } });
    const before = Date.now();
    const job = await client.enqueue("now", {}, { queue, deferBy: 700 });
    expect(await job?.status()).toBe("deferred");
    expect(Number(await job?.result()) - before).toBeGreaterThanOrEqual(650);
    const until = await client.enqueue("now", {}, { queue, deferUntil: new Date(Date.now() + 300) });
    expect(await until?.result()).toBeGreaterThan(before);
    await expect(client.enqueue("now", {}, { queue, deferBy: 1, deferUntil: new Date() })).rejects.toThrow("not both");
  });

  test("an ordinary error fails the job without another try", async () => {
    const queue = nextQueue();
    let calls = 0;
    await start({
      queue,
      functions: {
        bad: async () => {
          calls++;
          throw new TypeError("no such thing");
        },
      },
    });
    const job = await client.enqueue("bad", {}, { queue });
    await expect(job?.result()).rejects.toMatchObject({ message: "no such thing", name: "TypeError" });
    expect(calls).toBe(1);
  });

  test("Retry runs again with a delay and counts as a try; beyond maxTries the function is not called", async () => {
    const queue = nextQueue();
    const tries: number[] = [];
    await start({
      queue,
      functions: {
        again: async ({ jobTry }) => {
          tries.push(jobTry);
          if (jobTry < 3) throw new Retry({ deferBy: 50 });
          return "done";
        },
        never: {
          maxTries: 2,
          run: async () => {
            throw new Retry({ deferBy: 10 });
          },
        },
      },
    });
    const job = await client.enqueue("again", {}, { queue });
    expect(await job?.result()).toBe("done");
    expect(tries).toEqual([1, 2, 3]);
    const never = await client.enqueue("never", {}, { queue });
    await expect(never?.result()).rejects.toThrow("max 2 retries exceeded");
  });

  test("a timeout fails the job and fires its signal", async () => {
    const queue = nextQueue();
    let fired = false;
    await start({
      queue,
      functions: {
        slow: {
          timeout: 200,
          run: ({ signal }) =>
            new Promise((_, reject) =>
              signal.addEventListener("abort", () => {
                fired = true;
                reject(signal.reason);
              }),
            ),
        },
      },
    });
    const job = await client.enqueue("slow", {}, { queue });
    await expect(job?.result()).rejects.toThrow("timed out");
    expect(fired).toBe(true);
  });

  test("what did not start in time has expired", async () => {
    const queue = nextQueue();
    const job = await client.enqueue("late", {}, { queue, expires: 1 });
    await sleep(20);
    await start({ queue, functions: { late: async () => 1 } });
    await expect(job?.result()).rejects.toThrow("job expired");
  });

  test("a result that is no JSON fails and says so", async () => {
    const queue = nextQueue();
    await start({
      queue,
      functions: {
        ring: async () => {
          const ring: Record<string, unknown> = {};
          ring.self = ring;
          return ring;
        },
      },
    });
    const job = await client.enqueue("ring", {}, { queue });
    await expect(job?.result()).rejects.toThrow("unable to serialize result");
  });

  test("abort stops queued, deferred and running work, and is false for what has ended", async () => {
    const queue = nextQueue();
    const queued = await client.enqueue("wait", {}, { queue });
    expect(await queued?.abort()).toBe(true);
    const deferred = await client.enqueue("wait", {}, { queue, deferBy: 60_000 });
    expect(await deferred?.abort()).toBe(true);
    expect(await deferred?.status()).toBe("not_found");
    await start({
      queue,
      functions: {
        quick: async () => 1,
        wait: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      },
    });
    const running = await client.enqueue("wait", {}, { queue });
    await expect.poll(() => running?.status()).toBe("in_progress");
    // From another process it would be another client.
    const other = new JobClient(backend);
    expect(await other.job(running?.id as string, queue).abort()).toBe(true);
    await other.close();
    await expect(running?.result()).rejects.toThrow("aborted");
    const quick = await client.enqueue("quick", {}, { queue });
    await quick?.result();
    expect(await quick?.abort()).toBe(false);
  });

  test("at most maxJobs run at once", async () => {
    const queue = nextQueue();
    let now = 0;
    let most = 0;
    await start({
      queue,
      maxJobs: 3,
      functions: {
        one: async () => {
          most = Math.max(most, ++now);
          await sleep(40);
          now--;
        },
      },
    });
    const jobs = await Promise.all(Array.from({ length: 12 }, () => client.enqueue("one", {}, { queue })));
    await Promise.all(jobs.map((job) => job?.result()));
    expect(most).toBe(3);
  });

  test("hooks run in order and startup and shutdown once", async () => {
    const queue = nextQueue();
    const seen: string[] = [];
    const worker = await start({
      queue,
      functions: { work: async () => seen.push("work") },
      onStartup: () => void seen.push("startup"),
      onJobStart: () => void seen.push("start"),
      onJobEnd: () => void seen.push("end"),
      afterJobEnd: () => void seen.push("after"),
      onShutdown: () => void seen.push("shutdown"),
    });
    const job = await client.enqueue("work", {}, { queue });
    await job?.result();
    await expect.poll(() => seen.includes("after")).toBe(true);
    await worker.stop();
    expect(seen).toEqual(["startup", "start", "work", "end", "after", "shutdown"]);
  });

  test("a worker that is stopped gives its job back to the next one", async () => {
    const queue = nextQueue();
    const first = await start({
      queue,
      functions: {
        long: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      },
    });
    const job = await client.enqueue("long", {}, { queue });
    await expect.poll(() => job?.status()).toBe("in_progress");
    await first.stop(50);
    expect(await job?.status()).toBe("queued");
    await start({ queue, functions: { long: async ({ jobTry }) => jobTry } });
    expect(await job?.result()).toBe(2);
  });

  test("health is signed while a worker lives", async () => {
    const queue = nextQueue();
    expect(await isHealthy(client, queue)).toBe(false);
    const worker = await start({ queue, functions: { x: async () => 1 }, healthMs: 500 });
    expect(await isHealthy(client, queue)).toBe(true);
    await worker.stop();
    expect(await isHealthy(client, queue)).toBe(false);
  });

  test("burst runs until the queue is empty and throws what failed", async () => {
    const queue = nextQueue();
    for (let i = 0; i < 5; i++) await client.enqueue(i === 3 ? "bad" : "good", {}, { queue });
    const worker = new JobWorker(backend, {
      queue,
      logger: silentLogger(),
      functions: {
        good: async () => 1,
        bad: async () => {
          throw new Error("broken");
        },
      },
    });
    await expect(worker.runUntilEmpty()).rejects.toThrow("1 job(s) failed: broken");
    expect(worker.counts).toMatchObject({ complete: 4, failed: 1 });
  });

  test("cron runs by its fields, once for all workers, and at startup when asked", async () => {
    const queue = nextQueue();
    const ran: number[] = [];
    const cron = [
      { name: "tick", second: Array.from({ length: 60 }, (_, i) => i), run: async () => void ran.push(Date.now()) },
    ];
    await start({ queue, cron });
    await start({ queue, cron });
    await expect.poll(() => ran.length, { timeout: 8000 }).toBeGreaterThanOrEqual(3);
    const seconds = ran.map((at) => Math.floor(at / 1000));
    expect(new Set(seconds).size).toBe(seconds.length);
    const other = nextQueue();
    let started = 0;
    await start({
      queue: other,
      cron: [{ name: "boot", hour: 3, minute: 0, runAtStartup: true, run: async () => started++ }],
    });
    await expect.poll(() => started).toBe(1);
  });
});
