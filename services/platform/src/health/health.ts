import { statfs } from "node:fs/promises";
import { gitSha, VERSION } from "@podcast/base";

export interface CheckResult {
  status: "ok" | "warning" | "failed";
  latency_ms?: number;
  [detail: string]: unknown;
}

/** Answer of a health route (E.6.1). */
export interface Health {
  status: "healthy" | "degraded" | "unhealthy";
  degraded: boolean;
  checks: Record<string, CheckResult>;
  uptime_seconds: number;
  version: string;
  git_sha: string;
}

export interface Check {
  run: () => Promise<CheckResult>;
  /** Without it nothing works: its failure makes the process unhealthy, not only degraded. */
  vital: boolean;
}

const LIMIT_MS = 2000;

/** Runs all checks at once, each bounded in time. */
export async function checkHealth(checks: Record<string, Check>): Promise<Health> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]): Promise<[string, CheckResult, boolean]> => {
      const started = performance.now();
      const late = new Promise<CheckResult>((resolve) =>
        setTimeout(() => resolve({ status: "failed", error: `no answer within ${LIMIT_MS} ms` }), LIMIT_MS).unref(),
      );
      const result = await Promise.race([check.run(), late]).catch(
        (error): CheckResult => ({ status: "failed", error: String((error as Error).message ?? error).slice(0, 200) }),
      );
      return [name, { latency_ms: Math.round((performance.now() - started) * 10) / 10, ...result }, check.vital];
    }),
  );
  const unhealthy = results.some(([, result, vital]) => vital && result.status === "failed");
  const degraded = !unhealthy && results.some(([, result]) => result.status !== "ok");
  return {
    status: unhealthy ? "unhealthy" : degraded ? "degraded" : "healthy",
    degraded: degraded || unhealthy,
    checks: Object.fromEntries(results.map(([name, result]) => [name, result])),
    uptime_seconds: Math.round(process.uptime()),
    version: VERSION,
    git_sha: gitSha(),
  };
}

/** Free space of the disk that holds a folder. */
export function diskCheck(folder: string, warnGb = 5, failGb = 0.5): Check {
  return {
    vital: false,
    run: async () => {
      const { bavail, bsize } = await statfs(folder);
      const free = (bavail * bsize) / 1e9;
      return {
        status: free < failGb ? "failed" : free < warnGb ? "warning" : "ok",
        free_gb: Math.round(free * 10) / 10,
        threshold_gb: warnGb,
      };
    },
  };
}
