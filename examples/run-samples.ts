/**
 * The main job of `npm start`: opens the box with the sample feeds subscribed. `npm run demo` (`--once`) processes them
 * with `podcast run` instead, and ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SHOWS } from "./scripts.ts";
import { SAMPLE_FEEDS, SAMPLE_PORT, serveFolder } from "./serve.ts";

const main = join(import.meta.dirname, "..", "services", "cli", "src", "main.ts");
const args = process.argv.slice(2);
const onceOnly = args.includes("--once");
const more = args.filter((one) => one !== "--once");
const samples = process.env.SAMPLES !== "off";

// An empty box offers the samples even where it does not subscribe to them by itself.
const server = await serveFolder(SAMPLE_FEEDS, SAMPLE_PORT).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== "EADDRINUSE") throw error;
  if (!samples) return undefined;
  console.error(
    `Port ${SAMPLE_PORT} of this machine is in use; the sample feeds are served there. End what uses it, then run npm start again.`,
  );
  process.exit(1);
});
const feeds = SHOWS.map((show) => `http://127.0.0.1:${SAMPLE_PORT}/${show.folder}/feed.xml`);
if (server) console.error(`Sample feeds are served at http://127.0.0.1:${SAMPLE_PORT}/ while this runs.\n`);

const allowed = ["--allow-host", `127.0.0.1:${SAMPLE_PORT}`];
const child = spawn(
  process.execPath,
  [
    "--disable-warning=ExperimentalWarning",
    main,
    ...(onceOnly ? ["run", ...feeds] : ["serve", "--embedded"]),
    ...allowed,
    ...more,
  ],
  {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, READY_FD: "3", ...(server ? { SAMPLE_FEEDS: feeds.join(",") } : {}) },
  },
);
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
if (!onceOnly) void watch();
const [code] = (await once(child, "exit")) as [number | null];
server?.close();
server?.closeAllConnections();
if (onceOnly && (code === 0 || code === 3)) {
  console.error(`
Three things to try next:
  npm run -s podcast -- search "how to keep the soil wet"
  npm run -s podcast -- digest --since 52w
  npm run -s podcast -- run <address of a feed you follow> --max-episodes 1`);
}
// Episodes that wait for a model are named above with what to do; the samples that could be processed are.
process.exit(code === 3 ? 0 : (code ?? 1));

/** Subscribes an empty box to the samples and tells how they get on. */
async function watch(): Promise<void> {
  const pipe = child.stdio[3];
  if (pipe === null || pipe === undefined || !("on" in pipe)) return;
  const [block] = (await once(pipe, "data")) as [Buffer];
  const box = block.toString().trim();
  const get = async <T>(path: string) => (await (await fetch(box + path)).json()) as T;
  try {
    const { items } = await get<{ items: unknown[] }>("/api/subscriptions");
    if (samples && items.length === 0) {
      await fetch(`${box}/api/subscriptions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ urls: feeds }),
      });
      console.error(
        "The box follows the sample feeds now; their episodes are being processed. The first one without a published transcript waits for whisper.cpp to be built and a model to be fetched: a few minutes, once.",
      );
    }
    let told = "";
    for (;;) {
      const { episodes } = await get<{ episodes: Record<string, number> }>("/api/status");
      const line = Object.entries(episodes)
        .map(([state, count]) => `${count} ${state}`)
        .join(", ");
      if (line !== told && line !== "") console.error(`  episodes: ${line}`);
      told = line;
      const total = Object.values(episodes).reduce((sum, count) => sum + count, 0);
      const over = (episodes.done ?? 0) + (episodes.paused ?? 0) + (episodes.failed ?? 0);
      if (total > 0 && over === total) break;
      await sleep(1000);
    }
    console.error(`
Three things to try next, while the box stays open (Ctrl-C ends it; nothing is lost):
  open ${box}/ in a browser: the console
  curl -s '${box}/api/search?q=how+to+keep+the+soil+wet'
  curl -s -X POST ${box}/api/subscriptions -H 'content-type: application/json' -d '{"url": "<address of a feed you follow>"}'`);
    const { items: failed } = await get<{ items: { title: string; error: { message: string } | null }[] }>(
      "/api/episodes?state=failed",
    );
    for (const { title, error } of failed)
      console.error(`Not processed: ${title} — ${error?.message ?? "see the log"}`);
  } catch (error) {
    if (child.exitCode === null && child.signalCode === null) console.error(`The box does not answer: ${error}`);
  }
}
