import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { hasModels, MODEL_CACHE, MODELS, ROOT } from "./environment.ts";

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

const MAIN = join(ROOT, "services", "cli", "src", "main.ts");

/** Starts `podcast` as a user does. */
export function startPodcast(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const base = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    MODEL_CACHE_DIR: MODEL_CACHE,
    ...(hasModels ? { MODEL_MIRROR: MODELS } : {}),
  };
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...args], {
    cwd: ROOT,
    env: { ...base, ...env } as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs `podcast` to its end. */
export async function podcast(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const child = startPodcast(args, env);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (block) => {
    stdout += block;
  });
  child.stderr?.on("data", (block) => {
    stderr += block;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** Offline and without models: only what is published is processed. */
export const WITHOUT_MODELS = { MODELS_OFFLINE: "true", MODEL_CACHE_DIR: "/nonexistent/models", MODEL_MIRROR: "" };
