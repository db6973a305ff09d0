import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Corpus, Searcher } from "@podcast/corpus";
import { Database } from "@podcast/platform";
import { reproject } from "@podcast/worker";
import { Redis } from "ioredis";
import { sql } from "kysely";
import { tempFolder } from "../helpers/environment.ts";
import { startPodcast, WITHOUT_MODELS } from "../helpers/podcast.ts";
import { startRedis, startSturdyPostgres, type TestServer } from "../helpers/servers.ts";

export interface ChaosOptions {
  episodes: number;
  seed: number;
  /** No more kills after this, milliseconds. */
  killForMs: number;
  /** All has to be done by then, milliseconds. */
  deadlineMs: number;
  say?: (line: string) => void;
}

export interface ChaosReport {
  seconds: number;
  kills: Record<string, number>;
  flushed: boolean;
  states: Record<string, number>;
  /** Violations of what must hold; empty when all is well. */
  problems: string[];
}

type Part = { name: string; kill: () => Promise<void>; start: () => Promise<void> };

/**
 * Runs the whole platform as processes on real Redis and Postgres, kills parts of it at random while episodes with
 * published transcripts go through the real stages, and looks afterwards whether everything was done exactly once.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { say = () => {} } = options;
  const random = generator(options.seed);
  const folder = tempFolder("chaos");
  const [redis, postgres, feed] = await Promise.all([startRedis(), startSturdyPostgres(), serveFeed(options.episodes)]);
  const host = `127.0.0.1:${(feed.address() as { port: number }).port}`;
  const settings = join(folder, "settings.yaml");
  await writeFile(settings, "platform:\n  leaseS: 6\n  retryBaseS: 1\n  backlog: 100000\n  pollMinS: 5\n");
  const env = {
    ...WITHOUT_MODELS,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    DATA_DIR: folder,
    ALLOW_HOSTS: host,
    PODCAST_SCRAPER_CONFIG: settings,
    LOG_LEVEL: "warn",
    JSON_LOGS: "true",
    SERVER_PORT: "0",
    WORKER_GRACE_SECONDS: "5",
    AUTH_API_KEY: "chaos-key",
    SAMPLES: "off",
  };
  const started = Date.now();
  const kills: Record<string, number> = {};
  const workers = ["--queue", "ingest:2,heavy:2,projection:2,digest:1"];
  const processes: Part[] = [
    program("worker-1", ["worker", ...workers], env),
    program("worker-2", ["worker", ...workers], env),
    program("scheduler", ["scheduler"], env),
    program("api", ["serve", "--platform"], env),
  ];
  const parts: Part[] = [...processes, server("redis", redis), server("postgres", postgres)];
  const system = Database.connect(postgres.url, "system", { max: 4, name: "chaos" });
  let flushed = false;
  const orphaned = () => {
    for (const one of processes) void one.kill();
  };
  process.once("exit", orphaned);
  try {
    for (const one of processes) await one.start();
    await system.db.transaction().execute(async (tx) => {
      const tenant = await tx.selectFrom("tenants").select("id").executeTakeFirstOrThrow();
      const url = `http://${host}/feed.xml`;
      await tx
        .insertInto("feeds")
        .values({ key: "pending-chaos", url, urls: [url], title: url, overrides: "{}" })
        .execute();
      await tx.insertInto("subscriptions").values({ tenant_id: tenant.id, feed_key: "pending-chaos" }).execute();
    });
    const states = async (): Promise<Record<string, number>> => {
      const { rows } = await sql<{
        state: string;
        count: number;
      }>`SELECT state, count(*)::int AS count FROM episodes GROUP BY state`.execute(system.db);
      return Object.fromEntries(rows.map((row) => [row.state, row.count]));
    };
    let last: Record<string, number> = {};
    let nextKill = Date.now() + 3000;
    while (Date.now() - started < options.deadlineMs) {
      last = await states().catch(() => last);
      if (last.done === options.episodes && (await settled(system))) break;
      const elapsed = Date.now() - started;
      if (!flushed && elapsed > options.killForMs * 0.4) {
        const client = new Redis(redis.url, { lazyConnect: true, maxRetriesPerRequest: 1 });
        flushed = await client
          .connect()
          .then(() => client.flushall())
          .then(
            () => true,
            () => false,
          );
        client.disconnect();
        if (flushed) say("redis flushed");
      }
      if (elapsed < options.killForMs && Date.now() >= nextKill) {
        const victim = parts[Math.floor(random() * parts.length)] as Part;
        kills[victim.name] = (kills[victim.name] ?? 0) + 1;
        await victim.kill();
        await sleep(100 + random() * 700);
        await victim.start();
        nextKill = Date.now() + 1000 + random() * 2500;
        say(`${Math.round(elapsed / 1000)} s: killed ${victim.name}; ${JSON.stringify(last)}`);
      }
      await sleep(200);
    }
    const problems = await inspect(system, new Corpus(join(folder, "corpus")), options.episodes);
    return { seconds: (Date.now() - started) / 1000, kills, flushed, states: await states(), problems };
  } finally {
    process.off("exit", orphaned);
    for (const one of processes) await one.kill().catch(() => {});
    await system.close();
    feed.close();
    feed.closeAllConnections();
    await redis.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function settled(system: Database): Promise<boolean> {
  const { rows } = await sql<{ open: number }>`
    SELECT count(*)::int AS open FROM jobs WHERE name <> 'poll_feed' AND state IN ('queued','running','retrying')`
    .execute(system.db)
    .catch(() => ({ rows: [{ open: 1 }] }));
  return rows[0]?.open === 0;
}

/** What must hold when all is done. */
async function inspect(system: Database, corpus: Corpus, episodes: number): Promise<string[]> {
  const problems: string[] = [];
  const expect = async (what: string, query: ReturnType<typeof sql<{ n: number }>>, wanted: number) => {
    const n = (await query.execute(system.db)).rows[0]?.n;
    if (n !== wanted) problems.push(`${what}: ${n} instead of ${wanted}`);
  };
  await expect("episodes done", sql`SELECT count(*)::int AS n FROM episodes WHERE state = 'done'`, episodes);
  await expect("episodes at all", sql`SELECT count(*)::int AS n FROM episodes`, episodes);
  for (const name of ["process_episode", "project_episode"])
    await expect(
      `${name}: episodes that it was not done for exactly once`,
      sql`SELECT count(*)::int AS n FROM (SELECT e.key FROM episodes e LEFT JOIN jobs j ON j.episode_key = e.key AND j.name = ${name} AND j.state = 'done'
        GROUP BY e.key HAVING count(j.id) <> 1) x`,
      0,
    );
  await expect(
    "episodes that became done other than once",
    sql`SELECT count(*)::int AS n FROM (SELECT e.key FROM episodes e LEFT JOIN job_events v ON v.episode_key = e.key AND v.kind = 'episode' AND v.to_state = 'done'
      GROUP BY e.key HAVING count(v.id) <> 1) x`,
    0,
  );
  await expect(
    "orphaned leases",
    sql`SELECT count(*)::int AS n FROM jobs WHERE state = 'running' OR (lease_until IS NOT NULL AND state <> 'running')`,
    0,
  );
  await expect("dead letters", sql`SELECT count(*)::int AS n FROM dead_letters`, 0);
  await expect(
    "episodes with other than one fingerprint",
    sql`SELECT count(*)::int AS n FROM (SELECT episode_key FROM segments GROUP BY episode_key HAVING count(DISTINCT fingerprint) <> 1) x`,
    0,
  );
  const rows = () => digestOf(system);
  const before = await rows();
  const rebuilt = await reproject(system, corpus);
  if (rebuilt.skipped.length > 0)
    problems.push(`files that cannot be read: ${JSON.stringify(rebuilt.skipped.slice(0, 3))}`);
  if ((await rows()) !== before) problems.push("the projection differs from the files");
  try {
    const searcher = await Searcher.open(corpus.layout);
    if (searcher.info.episodes !== episodes)
      problems.push(`${searcher.info.episodes} of ${episodes} episodes are in the index`);
    if ((await searcher.search("water")).length === 0) problems.push("the index finds nothing");
    searcher.close();
  } catch (error) {
    problems.push(`the index cannot be read: ${(error as Error).message}`);
  }
  return problems;
}

/** One value for all rows of the projection. */
async function digestOf(system: Database): Promise<string> {
  const parts: string[] = [];
  for (const table of ["summaries", "segments", "insights", "quotes", "insight_support", "kg_nodes", "kg_edges"]) {
    const { rows } = await sql<{
      h: string;
    }>`SELECT md5(coalesce(string_agg(t::text, '\n' ORDER BY t::text), '')) AS h FROM ${sql.table(table)} t`.execute(
      system.db,
    );
    parts.push(`${table} ${rows[0]?.h}`);
  }
  return parts.join("\n");
}

function program(name: string, args: readonly string[], env: Record<string, string>): Part {
  let child: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  const run = () => {
    const mine = startPodcast(args, env);
    child = mine;
    mine.stdout?.resume();
    let last = "";
    mine.stderr?.on("data", (block: Buffer) => {
      last = (last + block.toString()).slice(-4000);
    });
    // What cannot start because its database was just killed is started again, as a container would be.
    mine.once("close", (code) => {
      if (process.env.CHAOS_DEBUG && code !== null && code !== 0)
        process.stderr.write(`${name} ended with ${code}: ${last.slice(-1500)}\n`);
      if (mine === child) again = setTimeout(run, 500);
    });
  };
  return {
    name,
    kill: async () => {
      clearTimeout(again);
      const held = child;
      child = undefined;
      if (held === undefined || held.exitCode !== null || held.signalCode !== null) return;
      const closed = once(held, "close");
      held.kill("SIGKILL");
      await closed;
    },
    start: async () => run(),
  };
}

function server(name: string, one: TestServer): Part {
  return { name, kill: () => one.kill(), start: () => one.restart() };
}

async function serveFeed(episodes: number): Promise<Server> {
  const items = Array.from(
    { length: episodes },
    (_, i) =>
      `<item><title>Episode ${i}</title><guid>chaos-${i}</guid><pubDate>${new Date(Date.UTC(2026, 0, 1) + i * 3_600_000).toUTCString()}</pubDate><podcast:transcript url="/t${i}.vtt" type="text/vtt"/><enclosure url="/e${i}.mp3" type="audio/mpeg"/></item>`,
  );
  const xml = `<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>Chaos</title>${items.join("")}</channel></rss>`;
  const http = createServer((request, response) => {
    const match = /^\/t(\d+)\.vtt$/.exec(request.url ?? "");
    if (request.url === "/feed.xml") return response.setHeader("content-type", "application/rss+xml").end(xml);
    if (match)
      return response
        .setHeader("content-type", "text/vtt")
        .end(
          `WEBVTT\n\n00:00.000 --> 00:06.000\n<v Ann Lee>Welcome to number ${match[1]}. I'm Ann Lee and my guest is Ben Okoro.\n\n00:06.000 --> 00:14.000\n<v Ben Okoro>The roots follow the water, so water plant ${match[1]} slowly and let the soil dry before you do it again.\n\n00:14.000 --> 00:20.000\n<v Ann Lee>So a hand deep, once a week, is better than a little every day.\n`,
        );
    response.writeHead(404).end();
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return http;
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
