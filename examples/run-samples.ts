/** The main job of `npm start`: processes the sample feeds and says what to try next. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { SHOWS } from "./scripts.ts";
import { SAMPLE_FEEDS, SAMPLE_PORT, serveFolder } from "./serve.ts";

const server = await serveFolder(SAMPLE_FEEDS, SAMPLE_PORT).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== "EADDRINUSE") throw error;
  console.error(
    `Port ${SAMPLE_PORT} of this machine is in use; the sample feeds are served there. End what uses it, then run npm start again.`,
  );
  process.exit(1);
});
const feeds = SHOWS.map((show) => `http://127.0.0.1:${SAMPLE_PORT}/${show.folder}/feed.xml`);
console.error(`Sample feeds are served at http://127.0.0.1:${SAMPLE_PORT}/ while this runs.\n`);
const main = join(import.meta.dirname, "..", "services", "cli", "src", "main.ts");
const args = [
  "--disable-warning=ExperimentalWarning",
  main,
  "run",
  ...feeds,
  "--allow-host",
  `127.0.0.1:${SAMPLE_PORT}`,
  ...process.argv.slice(2),
];
const child = spawn(process.execPath, args, { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
const [code] = (await once(child, "exit")) as [number | null];
server.close();
server.closeAllConnections();
if (code === 0 || code === 3) {
  console.error(`
Three things to try next:
  npm run -s podcast -- search "how to keep the soil wet"
  npm run -s podcast -- digest --since 52w
  npm run -s podcast -- run <address of a feed you follow> --max-episodes 1`);
}
// Episodes that wait for a model are named above with what to do; the samples that could be processed are.
process.exit(code === 3 ? 0 : (code ?? 1));
