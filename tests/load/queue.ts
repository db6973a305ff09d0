/** Stage jobs a second through database, lease and queue, against bare BullMQ on the same backend. */
import { setTimeout as sleep } from "node:timers/promises";
import { QueueBackend } from "@podcast/platform";
import type { JobKind } from "@podcast/worker";
import { sql } from "kysely";
import { testEngine } from "../helpers/platform.ts";
import { startDatabase, startRedis } from "../helpers/servers.ts";

const JOBS = 1000;
const CONCURRENCY = 16;

export async function queueThroughput(): Promise<void> {
  const redis = await startRedis();
  const database = await startDatabase();
  try {
    for (const kind of ["redis", "postgres"] as const) {
      const url = kind === "redis" ? redis.url : database.url;
      for (const stageMs of [0, 50, 200]) {
        const bare = await bareThroughput(url, stageMs);
        const ours = await platformThroughput(database, url, stageMs);
        console.log(
          `${kind}, stages of ${stageMs} ms: ours ${ours.toFixed(0)} jobs/s, bare BullMQ ${bare.toFixed(0)} jobs/s, ratio ${(ours / bare).toFixed(2)}`,
        );
      }
    }
  } finally {
    await database.stop();
    await redis.stop();
  }
}

async function bareThroughput(url: string, stageMs: number): Promise<number> {
  const backend = QueueBackend.open(url, "bare");
  await backend.prepare();
  const queue = backend.queue(`bare${stageMs}`);
  let done = 0;
  const worker = backend.worker(
    `bare${stageMs}`,
    async () => {
      if (stageMs > 0) await sleep(stageMs);
      done++;
    },
    { concurrency: CONCURRENCY },
  );
  await worker.waitUntilReady();
  const started = performance.now();
  await queue.addBulk(Array.from({ length: JOBS }, (_, i) => ({ name: "x", data: { i } })));
  while (done < JOBS) await sleep(5);
  const seconds = (performance.now() - started) / 1000;
  await worker.close();
  await queue.close();
  await backend.close();
  return JOBS / seconds;
}

async function platformThroughput(
  database: Awaited<ReturnType<typeof startDatabase>>,
  url: string,
  stageMs: number,
): Promise<number> {
  let done = 0;
  const kinds = new Map<string, JobKind>([
    [
      "bench",
      {
        name: "bench",
        run: async () => {
          if (stageMs > 0) await sleep(stageMs);
          done++;
          return {};
        },
      },
    ],
  ]);
  await sql`DELETE FROM jobs`.execute(database.owner.db);
  const engine = await testEngine(database, url, { "platform.leaseS": 45 }, { enrich: CONCURRENCY }, kinds);
  const started = performance.now();
  // Put in at once, as the bare queue gets its jobs.
  await sql`
    WITH job AS (
      INSERT INTO jobs (queue, name, dedupe, correlation_id, requested_by, chain)
      SELECT 'enrich', 'bench', 'bench:' || i, 'bench', 'bench', false FROM generate_series(1, ${JOBS}) i RETURNING id)
    INSERT INTO job_events (job_id, kind, to_state, correlation_id) SELECT id, 'job', 'queued', 'bench' FROM job`.execute(
    database.system.db,
  );
  while (done < JOBS) await sleep(5);
  const seconds = (performance.now() - started) / 1000;
  await engine.stop();
  return JOBS / seconds;
}
