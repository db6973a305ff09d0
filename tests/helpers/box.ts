import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { tempFolder } from "./environment.ts";
import { startPodcast } from "./podcast.ts";
import { freePort } from "./servers.ts";

/** A box as a person opens it: `podcast serve --embedded`, with a data folder of its own. */
export interface TestBox {
  base: string;
  folder: string;
  /** Seconds to the first answer of the API. */
  seconds: number;
  adminKey: string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  /** Ends the process; by SIGTERM it gives its exit code. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<number | null>;
  /** Starts again, on the same port and folder. */
  start(): Promise<void>;
}

export async function openBox(env: Record<string, string> = {}): Promise<TestBox> {
  const folder = env.DATA_DIR ?? tempFolder("box");
  // Its Postgres runs as another user where the tests run as root.
  await chmod(folder, 0o711);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  const headers = async () => ({
    authorization: `Bearer ${(await readFile(join(folder, "admin.key"), "utf8")).trim()}`,
    "content-type": "application/json",
  });
  const ask = async <T>(path: string, init: RequestInit): Promise<T> => {
    const response = await fetch(base + path, init);
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  };
  const box: TestBox = {
    base,
    folder,
    seconds: 0,
    adminKey: "",
    get: async (path) => ask(path, { headers: await headers() }),
    post: async (path, body = {}) =>
      ask(path, { method: "POST", headers: await headers(), body: JSON.stringify(body) }),
    stop: async (signal = "SIGTERM") => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const closed = once(child, "close");
      child.kill(signal);
      return (await closed)[0] as number | null;
    },
    start: async () => {
      const started = performance.now();
      let said = "";
      child = startPodcast(["serve", "--embedded"], {
        LOG_LEVEL: "warn",
        SAMPLES: "off",
        RATE_LIMIT: "0",
        ...env,
        DATA_DIR: folder,
        SERVER_PORT: String(port),
      });
      child.stderr?.on("data", (block) => {
        said += block;
      });
      child.stdout?.resume();
      await vi
        .waitFor(async () => expect((await fetch(`${base}/api/health`)).ok).toBe(true), {
          timeout: 60_000,
          interval: 50,
        })
        .catch((error) => {
          child.kill("SIGKILL");
          throw new Error(`${error.message}\n${said}`);
        });
      box.seconds = (performance.now() - started) / 1000;
      box.adminKey = (await readFile(join(folder, "admin.key"), "utf8")).trim();
    },
  };
  await box.start();
  return box;
}
