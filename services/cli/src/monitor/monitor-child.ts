import { appendFileSync, readFileSync } from "node:fs";
import { createLogUpdate } from "log-update";
import { TreeSampler } from "./process-tree.ts";
import { StageTally } from "./stage-tally.ts";
import type { PipelineStatus } from "./status.ts";

/** The monitor's own process: samples the run twice a second and shows it. Arguments: status file, pid, log file, mode. */
const [statusFile = "", pidText = "", logFile = "", mode = "log"] = process.argv.slice(2);
const pid = Number(pidText);
const sampler = new TreeSampler(pid, process.pid);
const tally = new StageTally();
const live = mode.includes("tty") ? createLogUpdate(process.stderr) : undefined;
const toFile = mode.includes("log");
const INTERVAL_MS = 500;

function readStatus(): PipelineStatus | undefined {
  try {
    return JSON.parse(readFileSync(statusFile, "utf8")) as PipelineStatus;
  } catch {
    return undefined;
  }
}

function tick(): void {
  const sample = sampler.sample();
  if (sample === undefined) {
    finish(undefined);
    return;
  }
  const status = readStatus();
  if (status === undefined || status.pid !== pid) return;
  tally.add(status.stage, sample);
  const line = lineOf(status, sample.rssBytes, sample.cpuPercent);
  live?.(line);
  if (toFile) appendFileSync(logFile, `${new Date().toISOString()} ${line}\n`);
}

function lineOf(status: PipelineStatus, rssBytes: number, cpuPercent: number): string {
  const since = (iso: string) => `${((Date.now() - Date.parse(iso)) / 1000).toFixed(0)} s`;
  const episode = status.episode_idx === undefined ? "" : ` episode ${status.episode_idx}/${status.episode_total}`;
  const share = status.progress === undefined ? "" : ` ${Math.round(status.progress * 100)} %`;
  return `${status.stage}${share}${episode} | stage ${since(status.stage_started_at)} | run ${since(status.started_at)} | RSS ${(rssBytes / 2 ** 20).toFixed(0)} MiB | CPU ${cpuPercent.toFixed(0)} %`;
}

function finish(exitCode: number | undefined): void {
  clearInterval(timer);
  const text = tally.summary(exitCode);
  live?.clear();
  live?.done();
  process.stderr.write(`${text}\n`);
  if (toFile) appendFileSync(logFile, `${text}\n`);
  process.exit(0);
}

const timer = setInterval(tick, INTERVAL_MS);
process.on("message", (message: { finish?: number }) => {
  if (message.finish !== undefined) finish(message.finish);
});
process.on("disconnect", () => finish(undefined));
// Ctrl-C goes to the whole group; the summary comes when the run says that it is over.
process.on("SIGINT", () => {});
tick();
