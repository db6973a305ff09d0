import { createHash } from "node:crypto";
import { once } from "node:events";
import { glob, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, createLogger } from "@podcast/base";
import { QueueBackend, retryDead } from "@podcast/platform";
import { JOB_KINDS, type JobKind, type WorkContext, Worker } from "@podcast/worker";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SAMPLE_FEEDS, serveFolder } from "../examples/serve.ts";
import { chaos } from "./chaos/chaos.ts";
import { hasModels, MODELS, skipping, tempFolder } from "./helpers/environment.ts";
import { MASTER_KEY, testApi, testConfig, testEngine } from "./helpers/platform.ts";
import { podcast, startPodcast, WITHOUT_MODELS } from "./helpers/podcast.ts";
import { freePort, startDatabase, startRedis, type TestDatabase, type TestServer } from "./helpers/servers.ts";

const NO_MODELS = { "models.cache": "/nonexistent/models", "models.offline": true };

/** Real kinds of work, with the processing of episodes replaced. */
function withProcessing(run: JobKind["run"]): Map<string, JobKind> {
  const kinds = new Map(JOB_KINDS);
  kinds.set("process_episode", { name: "process_episode", run });
  kinds.set("project_episode", { name: "project_episode", run: async () => ({}) });
  kinds.set("update_index", { name: "update_index", run: async () => ({}) });
  kinds.set("generate_digest", { name: "generate_digest", run: async () => ({}) });
  return kinds;
}

const engines: { stop: () => Promise<void> }[] = [];
async function engineOf(...args: Parameters<typeof testEngine>) {
  const engine = await testEngine(...args);
  engines.push(engine);
  return engine;
}
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
});

describe("simple tier on Redis and Postgres", () => {
  let database: TestDatabase;
  let redis: TestServer;
  beforeAll(async () => {
    [database, redis] = await Promise.all([startDatabase(), startRedis()]);
    await sql`INSERT INTO feeds (key, url, urls, title, next_poll_at) VALUES ('f', 'http://f/', ARRAY['http://f/'], 'F', now() + interval '1 day')`.execute(
      database.owner.db,
    );
    await sql`INSERT INTO subscriptions SELECT id, 'f' FROM tenants`.execute(database.owner.db);
  });
  afterAll(async () => {
    await database?.stop();
    await redis?.stop();
  });
  const add = (...keys: string[]) =>
    sql`INSERT INTO episodes (key, feed_key, guid, title, published) SELECT k, 'f', k, k, now() FROM unnest(${keys}::text[]) k`.execute(
      database.owner.db,
    );
  const states = async (...keys: string[]) => {
    const { rows } = await sql<{
      state: string;
    }>`SELECT state FROM episodes WHERE key = ANY(${keys}::text[]) ORDER BY key`.execute(database.owner.db);
    return rows.map((row) => row.state);
  };
  const queues = { ingest: 4, heavy: 1, projection: 2, digest: 1 };

  test("with heavy at 1 a second episode waits for the first", async () => {
    let now = 0;
    let most = 0;
    const open: (() => void)[] = [];
    await engineOf(
      database,
      redis.url,
      NO_MODELS,
      queues,
      withProcessing(async () => {
        most = Math.max(most, ++now);
        await new Promise<void>((resolve) => open.push(resolve));
        now--;
        return {};
      }),
    );
    await add("a1", "a2");
    await expect.poll(() => open.length, { timeout: 10_000 }).toBe(1);
    const { rows } = await sql<{
      state: string;
    }>`SELECT state FROM jobs WHERE episode_key IN ('a1', 'a2') ORDER BY state`.execute(database.owner.db);
    expect(rows.map((row) => row.state)).toEqual(["queued", "running"]);
    open.shift()?.();
    await expect.poll(() => open.length, { timeout: 10_000 }).toBe(1);
    open.shift()?.();
    await expect.poll(() => states("a1", "a2"), { timeout: 10_000 }).toEqual(["done", "done"]);
    expect(most).toBe(1);
  });

  test("three failures end in the dead letters; one command retries them", async () => {
    let works = false;
    let calls = 0;
    await engineOf(
      database,
      redis.url,
      NO_MODELS,
      queues,
      withProcessing(async () => {
        calls++;
        if (!works) throw new AppError("MEDIA_UNREADABLE", "not audio");
        return {};
      }),
    );
    await add("b1");
    await expect.poll(() => states("b1"), { timeout: 15_000 }).toEqual(["failed"]);
    await expect
      .poll(
        async () =>
          (
            await sql<{ n: number }>`SELECT count(*)::int AS n FROM dead_letters WHERE retried_at IS NULL`.execute(
              database.owner.db,
            )
          ).rows[0]?.n,
        { timeout: 15_000 },
      )
      .toBe(1);
    expect(calls).toBe(3);
    const { rows } = await sql`SELECT d.reason, d.error_code, d.attempts FROM dead_letters d`.execute(
      database.owner.db,
    );
    expect(rows).toEqual([{ reason: "failed 3 times", error_code: "MEDIA_UNREADABLE", attempts: 3 }]);
    works = true;
    const { stdout } = await podcast(["jobs", "retry", "--queue", "heavy", "--json"], { DATABASE_URL: database.url });
    expect(JSON.parse(stdout).retried).toHaveLength(1);
    await expect.poll(() => states("b1"), { timeout: 15_000 }).toEqual(["done"]);
    expect(await retryDead(database.system.db, {})).toEqual([]);
  });

  test("out of memory is tried once more, with a smaller model, and then no more", async () => {
    const models: string[] = [];
    await engineOf(
      database,
      redis.url,
      { ...NO_MODELS, "transcription.model": "whisper/base-q5_1" },
      queues,
      withProcessing(async ({ config }: WorkContext) => {
        models.push(config["transcription.model"]);
        throw new AppError("OUT_OF_MEMORY", "killed");
      }),
    );
    await add("c1");
    await expect
      .poll(
        async () =>
          (await sql<{ state: string }>`SELECT state FROM jobs WHERE episode_key = 'c1'`.execute(database.owner.db))
            .rows[0]?.state,
        { timeout: 15_000 },
      )
      .toBe("dead");
    expect(models).toHaveLength(2);
    expect(models[0]).toBe("whisper/base-q5_1");
    expect(models[1]).toMatch(/^whisper\/tiny/);
  });

  test("a running job is cancelled by its signal; a paused queue begins nothing", async () => {
    let aborted = false;
    let begun = 0;
    await engineOf(
      database,
      redis.url,
      NO_MODELS,
      queues,
      withProcessing(async ({ signal, job }: WorkContext) => {
        begun++;
        if (job.episode_key === "d1")
          await new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              aborted = true;
              reject(signal.reason);
            }),
          );
        return {};
      }),
    );
    const { api, close } = await testApi(database);
    engines.push({ stop: close });
    const post = (url: string) =>
      api.inject({ method: "POST", url, headers: { authorization: `Bearer ${MASTER_KEY}` } });
    await add("d1");
    await expect.poll(() => begun, { timeout: 10_000 }).toBe(1);
    const { rows } = await sql<{ id: string }>`SELECT id FROM jobs WHERE episode_key = 'd1'`.execute(database.owner.db);
    expect((await post(`/api/admin/jobs/${rows[0]?.id}/cancel`)).json()).toEqual({ was: "running" });
    await expect.poll(() => states("d1"), { timeout: 15_000 }).toEqual(["cancelled"]);
    expect(aborted).toBe(true);
    await post("/api/admin/queues/heavy/pause");
    await add("d2");
    await sleep(1500);
    expect(begun).toBe(1);
    await post("/api/admin/queues/heavy/resume");
    await expect.poll(() => states("d2"), { timeout: 15_000 }).toEqual(["done"]);
  });

  test("two schedulers: one leads, the other takes over within 10 s", async () => {
    const first = await engineOf(
      database,
      redis.url,
      NO_MODELS,
      { digest: 1 },
      withProcessing(async () => ({})),
    );
    await expect.poll(() => first.scheduler.leads, { timeout: 10_000 }).toBe(true);
    const second = await engineOf(
      database,
      redis.url,
      NO_MODELS,
      { digest: 1 },
      withProcessing(async () => ({})),
    );
    await sleep(500);
    expect([first.scheduler.leads, second.scheduler.leads]).toEqual([true, false]);
    await first.stop();
    engines.shift();
    await expect.poll(() => second.scheduler.leads, { timeout: 10_000 }).toBe(true);
  });
});

describe("both tiers do what podcast run does", () => {
  let feeds: Server;
  let host: string;
  beforeAll(async () => {
    feeds = await serveFolder(SAMPLE_FEEDS, 0);
    host = `127.0.0.1:${(feeds.address() as { port: number }).port}`;
  });
  afterAll(() => {
    feeds?.close();
    feeds?.closeAllConnections();
  });

  test.each(["simple", "split"] as const)("%s: published transcripts, from subscription to search", async (tier) => {
    const [database, redis] = await Promise.all([startDatabase(), startRedis()]);
    const folder = tempFolder("tier");
    const corpusDir = join(folder, "corpus");
    const flags = { ...NO_MODELS, corpus: corpusDir, allowHosts: host, "platform.tier": tier } as const;
    const queues: Record<string, number> =
      tier === "simple"
        ? { ingest: 2, heavy: 1, projection: 1, digest: 1 }
        : { ingest: 2, transcribe: 1, enrich: 2, index: 1, projection: 1, digest: 1 };
    await engineOf(database, redis.url, flags, queues);
    const { api, close } = await testApi(database, { corpus: corpusDir, allowHosts: host, "platform.tier": tier });
    const send = (url: string, payload?: object) =>
      api.inject({
        url,
        method: payload ? "POST" : "GET",
        headers: { authorization: `Bearer ${MASTER_KEY}` },
        ...(payload ? { payload } : {}),
      });
    try {
      await send("/api/subscriptions", { url: `http://${host}/slow-garden/feed.xml` });
      await expect
        .poll(async () => (await send("/api/status")).json().episodes, { timeout: 60_000, interval: 200 })
        .toMatchObject({ done: 1 });
      const done = (await send("/api/episodes?state=done")).json().items[0];
      expect(done).toMatchObject({ feed_title: "The Slow Garden", insights: expect.any(Number) });
      expect(done.insights).toBeGreaterThan(0);
      const jobs = (await send(`/api/jobs?episode=${done.key}`)).json().items.reverse();
      expect(jobs.map((job: { queue: string; state: string }) => `${job.queue} ${job.state}`)).toEqual(
        tier === "simple"
          ? ["heavy done", "projection done"]
          : ["ingest done", "transcribe done", "enrich done", "index done", "projection done"],
      );
      expect(new Set(jobs.map((job: { correlation_id: string }) => job.correlation_id)).size).toBe(1);
      await expect
        .poll(async () => (await send("/api/search?q=water")).json().hits.length, { timeout: 20_000 })
        .toBeGreaterThan(0);
      // A second tenant that follows the same show reads at once, and nothing runs again.
      const before = (
        await sql<{ n: number }>`SELECT count(*)::int AS n FROM jobs WHERE name = 'process_episode'`.execute(
          database.owner.db,
        )
      ).rows[0]?.n;
      await sql`INSERT INTO tenants (slug, name) VALUES ('second', 'Second')`.execute(database.owner.db);
      await sql`INSERT INTO subscriptions SELECT id, ${done.feed} FROM tenants WHERE slug = 'second'`.execute(
        database.owner.db,
      );
      await sleep(1000);
      const after = (
        await sql<{ n: number }>`SELECT count(*)::int AS n FROM jobs WHERE name = 'process_episode'`.execute(
          database.owner.db,
        )
      ).rows[0]?.n;
      expect(after).toBe(before);
      // The same artifacts as a run from the command line.
      const alone = join(folder, "alone");
      await podcast(
        ["run", `http://${host}/slow-garden/feed.xml`, "--allow-host", host, "--corpus", alone, "--json"],
        WITHOUT_MODELS,
      );
      expect(await hashes(corpusDir, done.key)).toEqual(await hashes(alone, done.key));
      expect(Object.keys(await hashes(alone, done.key)).length).toBeGreaterThanOrEqual(8);
    } finally {
      await close();
      await Promise.all(engines.splice(0).map((one) => one.stop()));
      await database.stop();
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function hashes(corpus: string, episode: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const path of glob(`feeds/*/episodes/${episode}/*`, { cwd: corpus })) {
    const name = path.split("/").at(-1) as string;
    // The ledger holds times; everything else has to be the same to the byte.
    if (name === "manifest.json" || name === "media") continue;
    const text = await readFile(join(corpus, path), "utf8");
    // The graph says when it was made.
    const lasting = name === "kg.json" ? text.replace(/"extracted_at": "[^"]*"/, "") : text;
    found[name] = createHash("sha256").update(lasting).digest("hex");
  }
  return found;
}

describe("a pool's models", () => {
  test.runIf(hasModels)(
    "are loaded when the worker starts, where that is set, and given back when nothing needs them",
    async () => {
      const database = await startDatabase();
      const backend = QueueBackend.open(database.url, "warm");
      const file = join(tempFolder("warm"), "worker.log");
      const config = testConfig({
        ...{ dataDir: tempFolder("warm"), "models.offline": false, "models.mirror": MODELS },
        ...{ "models.warm": true, "models.idleS": 1, "transcription.model": "whisper/tiny.en-q5_1" },
      });
      const logger = createLogger({ level: "info", json: true, file });
      const worker = new Worker({ queues: { transcribe: 1 }, config, database: database.system, backend, logger });
      const said = () => readFile(file, "utf8").catch(() => "");
      try {
        await worker.start();
        await expect.poll(said, { timeout: 120_000, interval: 200 }).toContain("models are loaded");
        await expect.poll(said, { timeout: 20_000, interval: 200 }).toContain("unloaded");
      } finally {
        await worker.stop(500);
        await backend.close();
        await database.stop();
      }
    },
  );
  if (!hasModels) skipping("a pool's models", "there is no mirror of models");
});

describe("the box", () => {
  test("opens within seconds, processes what is subscribed, survives kill -9 of everything, and stops cleanly", async () => {
    const feeds = await serveFolder(SAMPLE_FEEDS, 0);
    const host = `127.0.0.1:${(feeds.address() as { port: number }).port}`;
    const folder = tempFolder("box");
    await import("node:fs/promises").then(({ chmod }) => chmod(folder, 0o711));
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    const env = {
      ...WITHOUT_MODELS,
      DATA_DIR: folder,
      SERVER_PORT: String(port),
      ALLOW_HOSTS: host,
      LOG_LEVEL: "warn",
      SAMPLES: "off",
    };
    const open = async () => {
      const started = performance.now();
      const child = startPodcast(["serve", "--embedded"], env);
      let said = "";
      child.stderr?.on("data", (block) => {
        said += block;
      });
      child.stdout?.resume();
      await expect
        .poll(
          () =>
            fetch(`${base}/api/health`).then(
              (response) => response.ok,
              () => false,
            ),
          { timeout: 60_000, interval: 50 },
        )
        .toBe(true)
        .catch((error) => {
          throw new Error(`${error.message}\n${said}`);
        });
      return { child, seconds: (performance.now() - started) / 1000 };
    };
    const get = async (path: string) => (await fetch(base + path)).json() as Promise<never>;
    try {
      const first = await open();
      const made = await fetch(`${base}/api/subscriptions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ url: `http://${host}/slow-garden/feed.xml` }),
      });
      expect(made.status).toBe(201);
      await expect
        .poll(async () => ((await get("/api/status")) as { episodes: { done?: number } }).episodes.done, {
          timeout: 60_000,
          interval: 200,
        })
        .toBe(1);
      // The whole tree: its Postgres is in a group of its own, and notices that its parent is gone at the next start.
      const closed = once(first.child, "close");
      first.child.kill("SIGKILL");
      await closed;
      const second = await open();
      expect(((await get("/api/status")) as { episodes: { done?: number } }).episodes.done).toBe(1);
      await expect
        .poll(async () => ((await get("/api/search?q=water")) as { hits: unknown[] }).hits.length, { timeout: 20_000 })
        .toBeGreaterThan(0);
      process.stderr.write(
        `box: first API answer after ${first.seconds.toFixed(1)} s, again after kill -9 ${second.seconds.toFixed(1)} s\n`,
      );
      const ended = once(second.child, "close");
      second.child.kill("SIGTERM");
      expect((await ended)[0]).toBe(0);
    } finally {
      feeds.close();
      feeds.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("a folder of files is served without a database", async () => {
    const feeds = await serveFolder(SAMPLE_FEEDS, 0);
    const host = `127.0.0.1:${(feeds.address() as { port: number }).port}`;
    const folder = tempFolder("files");
    const corpus = join(folder, "corpus");
    await podcast(
      ["run", `http://${host}/slow-garden/feed.xml`, "--allow-host", host, "--corpus", corpus],
      WITHOUT_MODELS,
    );
    feeds.close();
    feeds.closeAllConnections();
    const port = await freePort();
    const child = startPodcast(["serve", "--corpus", corpus, "--port", String(port)], {
      ...WITHOUT_MODELS,
      DATA_DIR: folder,
    });
    child.stdout?.resume();
    child.stderr?.resume();
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, body: (await response.json()) as never };
    };
    try {
      await expect
        .poll(
          () =>
            get("/api/health").then(
              (one) => one.status,
              () => 0,
            ),
          { timeout: 30_000 },
        )
        .toBe(200);
      const episodes = (await get("/api/episodes?state=done")).body as { items: { key: string }[] };
      expect(episodes.items).toHaveLength(1);
      const key = episodes.items[0]?.key;
      expect(
        ((await get(`/api/episodes/${key}/transcript`)).body as { segments: unknown[] }).segments.length,
      ).toBeGreaterThan(3);
      expect(((await get("/api/search?q=water")).body as { hits: unknown[] }).hits.length).toBeGreaterThan(0);
      expect(((await get("/api/insights")).body as { items: unknown[] }).items.length).toBeGreaterThan(0);
      expect(((await get("/api/graph")).body as { nodes: unknown[] }).nodes.length).toBeGreaterThan(0);
      expect((await get("/api/admin/queues")).status).toBe(501);
    } finally {
      const ended = once(child, "close");
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    }
  });
});

test("a worker that is killed by default settings gives its job back within 60 s", async () => {
  const [database, redis] = await Promise.all([startDatabase(), startRedis()]);
  const slow = createServer(
    (_request, response) => void response.writeHead(200, { "content-type": "application/rss+xml" }),
  );
  slow.listen(0, "127.0.0.1");
  await once(slow, "listening");
  const host = `127.0.0.1:${(slow.address() as { port: number }).port}`;
  const folder = tempFolder("lease");
  const env = {
    ...WITHOUT_MODELS,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    DATA_DIR: folder,
    ALLOW_HOSTS: host,
  };
  // A feed that never ends its answer keeps its job running.
  await sql`INSERT INTO feeds (key, url, urls, title) VALUES ('slow', ${`http://${host}/`}, ARRAY['x'], 'Slow')`.execute(
    database.owner.db,
  );
  await sql`INSERT INTO subscriptions SELECT id, 'slow' FROM tenants`.execute(database.owner.db);
  const scheduler = startPodcast(["scheduler"], env);
  const first = startPodcast(["worker", "--queue", "ingest"], env);
  for (const child of [scheduler, first]) {
    child.stdout?.resume();
    child.stderr?.resume();
  }
  const job = async () =>
    (
      await sql<{
        state: string;
        worker_id: string | null;
        crashes: number;
      }>`SELECT state, worker_id, crashes FROM jobs`.execute(database.owner.db)
    ).rows[0];
  let second: ReturnType<typeof startPodcast> | undefined;
  try {
    await expect.poll(async () => (await job())?.state, { timeout: 30_000 }).toBe("running");
    first.kill("SIGKILL");
    const killed = performance.now();
    second = startPodcast(["worker", "--queue", "ingest"], env);
    second.stdout?.resume();
    second.stderr?.resume();
    await expect
      .poll(
        async () => {
          const now = await job();
          return now?.state === "running" && now.crashes === 1;
        },
        { timeout: 65_000, interval: 250 },
      )
      .toBe(true);
    const seconds = (performance.now() - killed) / 1000;
    process.stderr.write(`a killed worker's job runs again after ${seconds.toFixed(1)} s\n`);
    expect(seconds).toBeLessThan(60);
  } finally {
    for (const child of [scheduler, first, second]) child?.kill("SIGKILL");
    slow.close();
    slow.closeAllConnections();
    await database.stop();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

test("chaos: parts are killed at random, Redis is flushed; everything is done exactly once", async () => {
  const episodes = Number(process.env.CHAOS_EPISODES ?? 120);
  const report = await chaos({ episodes, seed: 20_261_122, killForMs: 40_000, deadlineMs: 300_000 });
  process.stderr.write(`chaos: ${JSON.stringify(report)}\n`);
  expect(report.problems).toEqual([]);
  expect(report.flushed).toBe(true);
  expect(report.states).toEqual({ done: episodes });
});
