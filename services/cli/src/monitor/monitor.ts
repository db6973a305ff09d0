import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, spawnChild, writeFileAtomic } from "@podcast/base";
import type { Layout } from "@podcast/corpus";
import type { RunEvent } from "@podcast/pipeline";
import { captureFlameGraph } from "./flame-graph.ts";
import { type PipelineStatus, writeStatus } from "./status.ts";

export interface Monitor {
  observe(event: RunEvent): void;
  /** Prints the summary and ends; never keeps a finished run waiting. */
  finish(exitCode: number): Promise<void>;
}

const FLAME_MS = 5000;
/** Longest that the end of a run waits for the monitor's summary. */
const PATIENCE_MS = 1500;

/** The live monitor of a run (RFC-065), and the heap profile: each starts only when it is asked for, and says why not. */
export async function startMonitor(config: Config, layout: Layout, runId: string): Promise<Monitor> {
  mkdirSync(layout.root, { recursive: true });
  const heap = config.heapProfile ? await startHeapProfile() : undefined;
  if (!config.monitor) return { observe: () => {}, finish: () => saveHeap(heap, layout) };
  const now = () => new Date().toISOString();
  const status: PipelineStatus = {
    schema: 1,
    run_id: runId,
    pid: process.pid,
    stage: "rss_feed_fetch",
    started_at: now(),
    stage_started_at: now(),
  };
  writeStatus(layout.statusFile, status);
  const child = startChild(config, layout);
  const keys = listenForKeys(layout);
  let lastProgress = 0;
  return {
    observe(event) {
      if (event.type === "stage_started") {
        delete status.progress;
        Object.assign(status, {
          stage: event.stage,
          stage_started_at: now(),
          episode: event.key,
          episode_idx: event.index,
          episode_total: event.total,
        });
      } else if (event.type === "stage_progress" && performance.now() - lastProgress > 500) {
        lastProgress = performance.now();
        status.progress = Math.round(event.share * 1000) / 1000;
      } else return;
      writeStatus(layout.statusFile, status);
    },
    async finish(exitCode) {
      keys();
      delete status.progress;
      writeStatus(layout.statusFile, { ...status, stage: "done", stage_started_at: now(), exit_code: exitCode });
      if (child?.connected) {
        const ended = once(child, "exit");
        child.send({ finish: exitCode });
        const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
        await ended;
        clearTimeout(timer);
      }
      await saveHeap(heap, layout);
    },
  };
}

function startChild(config: Config, layout: Layout): ReturnType<typeof spawnChild> | undefined {
  if (!existsSync("/proc/self/stat")) {
    process.stderr.write(
      "monitor: memory and CPU cannot be sampled here: there is no /proc. The status file is written all the same.\n",
    );
    return undefined;
  }
  const tty = process.stderr.isTTY === true;
  const mode = [tty ? "tty" : "", !tty || config["monitor.fileLog"] ? "log" : ""].filter(Boolean).join("+");
  const entry = fileURLToPath(new URL("./monitor-child.ts", import.meta.url));
  const child = spawnChild(process.execPath, [entry, layout.statusFile, String(process.pid), layout.monitorLog, mode], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  child.on("error", (error) => process.stderr.write(`monitor: cannot start: ${error.message}\n`));
  child.unref();
  child.channel?.unref();
  return child;
}

/** "f" on a terminal captures five seconds as a flame graph. Returns what stops listening. */
function listenForKeys(layout: Layout): () => void {
  const { stdin } = process;
  if (stdin.isTTY !== true) return () => {};
  let busy = false;
  const onKey = (key: Buffer) => {
    const sign = key.toString();
    if (sign === "\u0003") process.kill(process.pid, "SIGINT");
    if (sign !== "f" || busy) return;
    busy = true;
    const path = join(layout.debugDir, `flamegraph_${new Date().toISOString().replace(/[:.]/g, "-")}.svg`);
    process.stderr.write(`\nprofiling for ${FLAME_MS / 1000} s …\n`);
    captureFlameGraph(FLAME_MS)
      .then((svg) => writeFileAtomic(path, svg))
      .then(() => process.stderr.write(`flame graph: ${path}\n`))
      .catch((error: Error) => process.stderr.write(`monitor: the profiler cannot start: ${error.message}\n`))
      .finally(() => {
        busy = false;
      });
  };
  stdin.setRawMode(true);
  stdin.on("data", onKey);
  stdin.unref();
  return () => {
    stdin.off("data", onKey);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

async function startHeapProfile(): Promise<Session | undefined> {
  const session = new Session();
  try {
    session.connect();
    await session.post("HeapProfiler.enable");
    await session.post("HeapProfiler.startSampling");
    return session;
  } catch (error) {
    process.stderr.write(`heap profile: cannot start: ${(error as Error).message}\n`);
    return undefined;
  }
}

async function saveHeap(session: Session | undefined, layout: Layout): Promise<void> {
  if (session === undefined) return;
  const { profile } = await session.post("HeapProfiler.stopSampling");
  session.disconnect();
  const path = join(layout.debugDir, `heap_${new Date().toISOString().replace(/[:.]/g, "-")}.heapprofile`);
  await writeFileAtomic(path, JSON.stringify(profile));
  process.stderr.write(`heap profile: ${path} (open it in the browser's developer tools)\n`);
}
