/// <reference lib="dom" />
/**
 * The console over 10,000 episodes and 100,000 insights: first paint, script, rows in the page and long tasks while
 * scrolling; 1,000 nodes of the graph. Beside it a page of bare HTML with the same fifty rows.
 */
import { statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { sql } from "kysely";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage } from "../helpers/browser.ts";
import { ROOT } from "../helpers/environment.ts";
import { MASTER_KEY, testApi } from "../helpers/platform.ts";
import { startDatabase, type TestDatabase } from "../helpers/servers.ts";

const BUILD = join(ROOT, "services", "console", "build");
const RUNS = 5;

async function seed(database: TestDatabase): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(database.owner.db);
  await run(
    "INSERT INTO feeds (key, url, urls, title, enabled_for_all, next_poll_at, last_polled_at) SELECT 'f' || i, 'http://f' || i, ARRAY['http://f' || i], 'Feed ' || i, true, now() + interval '1 day', now() FROM generate_series(1, 50) i",
  );
  await run(
    "INSERT INTO episodes (key, feed_key, guid, title, description, published, duration_ms, state) SELECT 'e' || i, 'f' || (1 + i % 50), 'g' || i, 'Episode ' || i || ' about something worth an hour', repeat('About things. ', 20), timestamptz '2020-01-01' + i * interval '1 hour', 3000000 + i, 'done' FROM generate_series(1, 10000) i",
  );
  await run(
    "INSERT INTO insights SELECT 'e' || (1 + i % 10000), 'fp', 'i' || i, i % 10, 'Insight ' || i || ': ' || repeat('words that say something, ', 1 + i % 6), 'claim', random(), 'Topic ' || (i % 300), 'Ann', true FROM generate_series(1, 100000) i",
  );
  await run(
    "INSERT INTO kg_nodes (episode_key, fingerprint, id, type, label, properties) SELECT 'e' || (1 + (i * 7 + k * 311) % 400), 'fp', 'topic:' || i, CASE i % 4 WHEN 0 THEN 'Person' WHEN 1 THEN 'Organization' ELSE 'Topic' END, 'Node ' || i, '{}' FROM generate_series(1, 1200) i, generate_series(1, 3) k ON CONFLICT DO NOTHING",
  );
  await run(
    "INSERT INTO kg_edges (episode_key, fingerprint, position, type, source, target, properties) SELECT 'e' || (1 + i % 400), 'fp', i, 'RELATED_TO', 'topic:' || (1 + i % 1000), 'topic:' || (1 + (i * 37) % 1000), '{}' FROM generate_series(1, 1500) i ON CONFLICT DO NOTHING",
  );
  await run("ANALYZE");
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Milliseconds from the start of the navigation to the first contentful paint; the cache is empty each time. */
async function firstPaint(browser: Browser, base: string, path: string): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const { page, context } = await openPage(browser, base, { key: base.endsWith("/") ? undefined : MASTER_KEY });
    await page.goto(path, { waitUntil: "load" });
    times.push(await paintOf(page));
    await context.close();
  }
  return median(times);
}

function paintOf(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          const entry = list.getEntriesByName("first-contentful-paint")[0];
          if (entry) resolve(entry.startTime);
        }).observe({ type: "paint", buffered: true });
      }),
  );
}

/** Scrolls as a wheel does, far down; gives the longest task, the most rows that were in the page, and how far it came. */
async function scroll(
  page: Page,
  rows: string,
): Promise<{ longest: number; over: number; most: number; seen: number }> {
  await page.locator(rows).first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => {
    const tasks: number[] = [];
    (window as unknown as { tasks: number[] }).tasks = tasks;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) tasks.push(entry.duration);
    }).observe({ type: "longtask" });
  });
  let most = 0;
  for (let step = 0; step < 150; step++) {
    await page.mouse.wheel(0, 700);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    most = Math.max(most, await page.locator(rows).count());
  }
  const [tasks, seen] = await page.evaluate(
    () => [(window as unknown as { tasks: number[] }).tasks, window.scrollY + window.innerHeight] as const,
  );
  return { longest: Math.max(0, ...tasks), over: tasks.length, most, seen };
}

export async function consoleLoad(): Promise<void> {
  const database = await startDatabase();
  await seed(database);
  const { api, close } = await testApi(database, { "auth.apiKey": MASTER_KEY }, { consoleDir: BUILD });
  const base = await api.listen({ host: "127.0.0.1", port: 0 });
  const browser = await openBrowser();
  try {
    const headers = { authorization: `Bearer ${MASTER_KEY}` };
    const { items } = (await (await fetch(`${base}/api/episodes?limit=50`, { headers })).json()) as {
      items: { title: string; feed_title: string }[];
    };
    const html = `<!doctype html><title>bare</title><ul>${items.map((item) => `<li><h3>${item.title}</h3><p>${item.feed_title}</p></li>`).join("")}</ul>`;
    const bare = createServer((_request, response) => response.setHeader("content-type", "text/html").end(html));
    await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
    const bareAddress = `http://127.0.0.1:${(bare.address() as { port: number }).port}/`;
    const floor = await firstPaint(browser, bareAddress, bareAddress);
    console.log(`bare HTML of the same rows: first contentful paint ${floor.toFixed(0)} ms`);
    for (const path of ["/", "/episodes", "/insights"]) {
      const paint = await firstPaint(browser, base, path);
      console.log(
        `${path}: first contentful paint ${paint.toFixed(0)} ms with an empty cache (median of ${RUNS}), ${(paint / floor).toFixed(1)} times the bare page`,
      );
    }

    const { page, context } = await openPage(browser, base, { key: MASTER_KEY });
    const scripts = new Set<string>();
    page.on("request", (request) => {
      if (request.resourceType() === "script") scripts.add(new URL(request.url()).pathname);
    });
    await page.goto("/");
    await page.waitForLoadState("networkidle");
    const bytes = [...scripts].reduce((sum, path) => sum + statSync(`${join(BUILD, path)}.gz`).size, 0);
    console.log(`first page: ${(bytes / 1000).toFixed(0)} kB of script, gzipped, in ${scripts.size} files`);

    for (const [path, rows] of [
      ["/episodes", "article.episode"],
      ["/insights", "article.insight"],
    ] as const) {
      await page.goto(path);
      const { longest, over, most, seen } = await scroll(page, rows);
      console.log(
        `${path}: at most ${most} rows in the page; ${over} tasks over 50 ms while scrolling ${seen.toFixed(0)} px${over > 0 ? `, the longest ${longest.toFixed(0)} ms` : ""}`,
      );
    }

    const times: number[] = [];
    const after: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      await page.goto("/graph?limit=1000");
      await page.waitForFunction(() => performance.getEntriesByName("graph-painted").length > 0);
      const [painted, answered] = await page.evaluate(
        () =>
          [
            performance.getEntriesByName("graph-painted")[0]?.startTime ?? 0,
            (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).find((one) =>
              one.name.includes("/api/graph"),
            )?.responseEnd ?? 0,
          ] as const,
      );
      times.push(painted);
      after.push(painted - answered);
    }
    console.log(
      `graph of 1,000 nodes: painted ${median(times).toFixed(0)} ms after the navigation began, ${median(after).toFixed(0)} ms after the answer was there`,
    );
    await context.close();
    bare.close();
    bare.closeAllConnections();
  } finally {
    await browser.close();
    await close();
    await database.stop();
  }
}
