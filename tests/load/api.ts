/** Library pages with 10,000 episodes: latency at 200 requests a second over 50 connections, and the rate it holds. */
import { fork } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import autocannon from "autocannon";
import { sql } from "kysely";
import { MASTER_KEY, testApi } from "../helpers/platform.ts";
import { startDatabase } from "../helpers/servers.ts";

const PAGES = [
  "/api/episodes?limit=50",
  "/api/feeds",
  "/api/episodes?feed=f7&limit=50",
  "/api/episodes/e5000",
  "/api/insights?limit=50",
];

/** 200 requests a second over 50 connections, evenly spread, from a process of their own. */
function paced(
  address: string,
  paths: readonly string[],
  seconds: number,
): Promise<{ p50: number; p99: number; failed: number }> {
  const child = fork(
    join(import.meta.dirname, "pacer.ts"),
    [address, JSON.stringify(paths), String(seconds), MASTER_KEY],
    {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    },
  );
  return new Promise((resolve, reject) => {
    child.once("message", (figures) => resolve(figures as { p50: number; p99: number; failed: number }));
    child.once("error", reject);
  });
}

export async function apiLoad(): Promise<void> {
  const database = await startDatabase();
  const run = (text: string) => sql.raw(text).execute(database.owner.db);
  await run(
    "INSERT INTO feeds (key, url, urls, title, enabled_for_all, next_poll_at) SELECT 'f' || i, 'http://f' || i, ARRAY['http://f' || i], 'Feed ' || i, true, now() + interval '1 day' FROM generate_series(1, 50) i",
  );
  await run(
    "INSERT INTO episodes (key, feed_key, guid, title, description, published, state) SELECT 'e' || i, 'f' || (1 + i % 50), 'g' || i, 'Episode ' || i, repeat('About things. ', 20), timestamptz '2020-01-01' + i * interval '1 hour', 'done' FROM generate_series(1, 10000) i",
  );
  await run(
    "INSERT INTO insights SELECT 'e' || (1 + i % 10000), 'fp', 'i' || i, i % 10, 'Insight ' || i, 'claim', random(), 'Topic ' || (i % 300), 'Ann', true FROM generate_series(1, 100000) i",
  );
  await run("ANALYZE");
  const { api, close } = await testApi(database, { "auth.apiKey": MASTER_KEY });
  const address = await api.listen({ host: "127.0.0.1", port: 0 });
  const headers = { authorization: `Bearer ${MASTER_KEY}` };
  // Beside it a server that only sends a page of the same size.
  const page = await (await fetch(address + PAGES[0], { headers })).text();
  const bare = createServer((_request, response) => response.setHeader("content-type", "application/json").end(page));
  await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
  const bareAddress = `http://127.0.0.1:${(bare.address() as { port: number }).port}`;
  await paced(bareAddress, ["/"], 2);
  const floor = await paced(bareAddress, ["/"], 8);
  console.log(`a bare server sending the same bytes, at 200/s: p50 ${floor.p50} ms, p99 ${floor.p99} ms`);
  await paced(address, PAGES, 4);
  for (const path of [...PAGES.map((one) => [one]), PAGES]) {
    const steady = await paced(address, path, 8);
    console.log(
      `${path.length > 1 ? "all of them in turn" : path[0]}: at 200/s p50 ${steady.p50} ms, p99 ${steady.p99} ms, ${steady.failed} failed`,
    );
  }
  for (const path of PAGES) {
    const most = await autocannon({ url: address + path, connections: 50, duration: 4, headers, workers: 1 });
    console.log(`${path}: holds ${most.requests.average.toFixed(0)}/s (p99 ${most.latency.p99} ms)`);
  }
  bare.close();
  bare.closeAllConnections();
  await close();
  await database.stop();
}
