import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { builtWhisper } from "@podcast/models";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { FIXTURES, hasModels, MODEL_CACHE, ROOT, skipping, tempFolder } from "./helpers/environment.ts";
import { startPodcast } from "./helpers/podcast.ts";
import { freePort, startDatabase, startRedis } from "./helpers/servers.ts";

const TOOLS = process.env.TEST_TOOLS ?? resolve(ROOT, "..", "shared", "tools");
const EPISODES = Number(process.env.DISTRIBUTED_EPISODES ?? 3);

/** A real Loki, where its binary is at hand. */
async function startLoki(folder: string): Promise<{ url: string; stop: () => Promise<void> } | undefined> {
  const unpack = join(TOOLS, "unpack");
  if (!existsSync(unpack)) return undefined;
  const binary = execFileSync(unpack, ["loki"]).toString().trim();
  const [port, grpc] = [await freePort(), await freePort()];
  const config = join(folder, "loki.yaml");
  await writeFile(
    config,
    `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: ${grpc}, log_level: error}
common: {instance_addr: 127.0.0.1, path_prefix: ${folder}/loki, replication_factor: 1, ring: {kvstore: {store: inmemory}}, storage: {filesystem: {chunks_directory: ${folder}/loki/chunks, rules_directory: ${folder}/loki/rules}}}
schema_config: {configs: [{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}]}
analytics: {reporting_enabled: false}
`,
  );
  const child = spawn(binary, [`-config.file=${config}`], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await expect
    .poll(
      () =>
        fetch(`${url}/ready`).then(
          (response) => response.ok,
          () => false,
        ),
      { timeout: 60_000, interval: 250 },
    )
    .toBe(true);
  return {
    url,
    stop: async () => {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    },
  };
}

test("split tier as processes: real Whisper, a stage chain in /api/jobs, the whole way of an episode in Loki", async () => {
  const audio = join(FIXTURES, "peer", "audio");
  if (!hasModels || !existsSync(audio))
    return skipping("the split tier with real Whisper", "no models or audio at hand");
  if ((await builtWhisper(join(MODEL_CACHE, "engines"))) === undefined)
    return skipping("the split tier with real Whisper", "whisper.cpp is not built here");
  const folder = tempFolder("distributed");
  await chmod(folder, 0o711);
  const loki = await startLoki(folder);
  if (loki === undefined) skipping("log lines in Loki", "its binary is not at hand");
  const [database, redis] = await Promise.all([startDatabase(), startRedis()]);
  const files = (await readdir(audio)).filter((name) => /^p01_multi_e0\d\.mp3$/.test(name)).sort();
  const items = Array.from(
    { length: EPISODES },
    (_, i) =>
      `<item><title>Short ${i}</title><guid>short-${i}</guid><pubDate>${new Date(Date.UTC(2026, 0, 1 + (i % 28), i)).toUTCString()}</pubDate><enclosure url="/${files[i % files.length]}" type="audio/mpeg"/></item>`,
  );
  const feed = createServer(async (request, response) => {
    if (request.url === "/feed.xml")
      return response
        .setHeader("content-type", "application/rss+xml")
        .end(
          `<rss version="2.0"><channel><title>Shorts</title><language>en</language>${items.join("")}</channel></rss>`,
        );
    const name = (request.url ?? "").slice(1);
    if (!files.includes(name)) return response.writeHead(404).end();
    const { createReadStream } = await import("node:fs");
    response.setHeader("content-type", "audio/mpeg");
    createReadStream(join(audio, name)).pipe(response);
  });
  feed.listen(0, "127.0.0.1");
  await once(feed, "listening");
  const host = `127.0.0.1:${(feed.address() as { port: number }).port}`;
  const port = await freePort();
  const data = join(folder, "data");
  await mkdir(data);
  const env: Record<string, string> = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    DATA_DIR: data,
    ALLOW_HOSTS: host,
    PLATFORM_TIER: "split",
    SERVER_PORT: String(port),
    AUTH_API_KEY: "distributed-key",
    WHISPER_MODEL: "whisper/tiny.en-q5_1",
    FEED_BACKLOG: "1000",
    JSON_LOGS: "true",
    ...(loki ? { LOKI_URL: loki.url } : {}),
  };
  const children: ChildProcess[] = [];
  let said = "";
  const start = (...args: string[]) => {
    const child = startPodcast(args, env);
    child.stdout?.resume();
    child.stderr?.on("data", (block) => {
      said = (said + block).slice(-20_000);
      if (process.env.TEST_LOG) process.stderr.write(block);
    });
    children.push(child);
  };
  const call = async (path: string, payload?: object) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: payload ? "POST" : "GET",
      headers: { authorization: "Bearer distributed-key", ...(payload ? { "content-type": "application/json" } : {}) },
      ...(payload ? { body: JSON.stringify(payload) } : {}),
    });
    return (await response.json()) as never;
  };
  try {
    start("serve", "--platform", "--no-scheduler");
    start("scheduler");
    start("worker", "--queue", "transcribe");
    start("worker", "--queue", "enrich:2,index:1");
    start("worker", "--queue", "ingest:4,projection:2,digest:1");
    await expect
      .poll(
        () =>
          call("/api/health").then(
            () => true,
            () => false,
          ),
        { timeout: 60_000, interval: 200 },
      )
      .toBe(true);
    const began = performance.now();
    await call("/api/subscriptions", { url: `http://${host}/feed.xml` });
    await expect
      .poll(async () => ((await call("/api/status")) as { episodes: { done?: number } }).episodes.done ?? 0, {
        timeout: 120_000 + EPISODES * 30_000,
        interval: 500,
        message: said,
      })
      .toBe(EPISODES);
    process.stderr.write(`split tier: ${EPISODES} episodes in ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
    const { items: done } = (await call("/api/episodes?limit=200")) as { items: { key: string }[] };
    for (const { key } of done) {
      const { items: jobs } = (await call(`/api/jobs?episode=${key}`)) as {
        items: { queue: string; state: string; worker: string; correlation_id: string }[];
      };
      expect(jobs.reverse().map((job) => `${job.queue} ${job.state}`)).toEqual([
        "ingest done",
        "transcribe done",
        "enrich done",
        "index done",
        "projection done",
      ]);
    }
    const { rows } = await sql<{ id: string; workers: number }>`
      SELECT correlation_id AS id, count(DISTINCT worker_id)::int AS workers FROM jobs WHERE episode_key IS NOT NULL GROUP BY 1`.execute(
      database.owner.db,
    );
    expect(rows.every((row) => row.workers === 3)).toBe(true);
    const { hits } = (await call("/api/search?q=trail")) as { hits: unknown[] };
    expect(hits.length).toBeGreaterThan(0);
    if (loki) {
      const query = `{service=~".+"} | correlation_id="${rows[0]?.id}"`;
      await expect
        .poll(
          async () => {
            const response = await fetch(
              `${loki.url}/loki/api/v1/query_range?limit=1000&since=2h&query=${encodeURIComponent(query)}`,
            );
            const { data: answer } = (await response.json()) as { data: { result: { values: [string, string][] }[] } };
            const lines = answer.result.flatMap((stream) => stream.values.map(([, line]) => line)).join("\n");
            return [
              "media_download done",
              "transcription done",
              "gi_generation done",
              "vector_indexing done",
              "job done",
            ].filter((text) => !lines.includes(text));
          },
          { timeout: 30_000, interval: 500 },
        )
        .toEqual([]);
    }
  } finally {
    const ended = children.map((child) => once(child, "close"));
    for (const child of children) child.kill("SIGTERM");
    const late = setTimeout(() => {
      for (const child of children) child.kill("SIGKILL");
    }, 20_000);
    await Promise.all(ended);
    clearTimeout(late);
    feed.close();
    feed.closeAllConnections();
    await database.stop();
    await redis.stop();
    await loki?.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
