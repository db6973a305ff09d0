/** Library pages with 10,000 episodes: latency at 200 requests a second over 50 connections, and the rate it holds. */
import { fork } from "node:child_process";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { SearchService } from "@podcast/api";
import { silentLogger } from "@podcast/base";
import { Corpus, Searcher } from "@podcast/corpus";
import autocannon from "autocannon";
import { sql } from "kysely";
import { MASTER_KEY, testApi } from "../helpers/platform.ts";
import { startDatabase } from "../helpers/servers.ts";
import { indexOf100k } from "./chunks.ts";

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

/** Search over 100,000 chunks: through the API, beside the bare searcher on the same index. */
export async function searchLoad(): Promise<void> {
  const { layout, folder, word, vector } = await indexOf100k();
  const database = await startDatabase();
  await sql
    .raw(
      "INSERT INTO feeds (key, url, urls, title, enabled_for_all, next_poll_at) SELECT 'feed-' || i, 'http://f' || i, ARRAY['http://f' || i], 'Feed ' || i, true, now() + interval '1 day' FROM generate_series(0, 19) i",
    )
    .execute(database.owner.db);
  const corpus = new Corpus(layout.root);
  const embed = async () => async () => vector();
  const search = new SearchService(corpus, silentLogger(), embed);
  const { api, close } = await testApi(database, { corpus: layout.root }, { corpus, search });
  const address = await api.listen({ host: "127.0.0.1", port: 0 });
  const headers = { authorization: `Bearer ${MASTER_KEY}` };
  const ask = async (query: string) => {
    const started = performance.now();
    const response = await fetch(`${address}/api/search?limit=10&q=${encodeURIComponent(query)}`, { headers });
    const { hits } = (await response.json()) as { hits: unknown[] };
    if (!response.ok || hits.length === 0) throw new Error(`no hits for ${query}`);
    return performance.now() - started;
  };
  const words = () => `${word()} ${word()} ${word()}`;
  console.log(`search through the API: cold start with the first search ${(await ask(words())).toFixed(0)} ms`);
  const times = { api: [] as number[], bare: [] as number[] };
  const bare = await Searcher.open(layout, await embed());
  for (let i = 0; i < 500; i++) {
    const query = words();
    times.api.push(await ask(query));
    const at = performance.now();
    await bare.search(query, { limit: 10 });
    times.bare.push(performance.now() - at);
  }
  const at = (values: number[], share: number) =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
  const line = (values: number[]) => `p50 ${at(values, 0.5).toFixed(1)} ms, p95 ${at(values, 0.95).toFixed(1)} ms`;
  console.log(
    `search through the API: ${line(times.api)}; the bare searcher: ${line(times.bare)}; ratio at p50 ${(at(times.api, 0.5) / at(times.bare, 0.5)).toFixed(1)}`,
  );
  bare.close();
  await close();
  await database.stop();
  rmSync(folder, { recursive: true });
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
