import { registry } from "@podcast/base";
import { checkHealth } from "@podcast/platform";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";

export const HealthAnswer = z.object({
  status: z.enum(["healthy", "degraded", "unhealthy"]),
  degraded: z.boolean(),
  checks: z.record(z.string(), z.looseObject({ status: z.enum(["ok", "warning", "failed"]) })),
  uptime_seconds: z.number(),
  version: z.string(),
  git_sha: z.string(),
});

/** Health (E.6), metrics, and whether the process lives and can serve. Open to every probe: they tell nothing private. */
export function healthRoutes(api: Api, { checks }: ApiContext): void {
  const config = { role: "none" as const, rateLimit: false as unknown as undefined };
  const schema = {
    tags: ["Health"],
    summary: "Health with its checks",
    response: { 200: HealthAnswer, 503: HealthAnswer },
  };
  for (const path of ["/healthz", "/api/health"])
    api.get(path, { config, schema }, async (_request, reply) => {
      const health = await checkHealth(checks);
      return reply.code(health.status === "unhealthy" ? 503 : 200).send(health);
    });
  api.get("/livez", { config, schema: { hide: true } }, async () => ({ status: "ok" }));
  api.get("/readyz", { config, schema: { hide: true } }, async (_request, reply) => {
    const health = await checkHealth(checks);
    const ready = health.status !== "unhealthy";
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  api.get("/metrics", { config, schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}
