import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { registry } from "@podcast/base";
import { type Check, checkHealth } from "@podcast/platform";

/** /livez, /readyz, /healthz and /metrics of a process that has no API of its own; on loopback unless told otherwise. */
export async function serveHealth(options: {
  host: string;
  port: number;
  checks: Record<string, Check>;
  ready: () => boolean;
  refresh?: () => Promise<void>;
}): Promise<Server> {
  const server = createServer((request, response) => {
    const send = (status: number, body: string, type = "application/json") =>
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    const path = (request.url ?? "").split("?")[0];
    const answer = async () => {
      if (path === "/livez") return send(200, '{"status":"ok"}');
      if (path === "/readyz") return send(options.ready() ? 200 : 503, JSON.stringify({ ready: options.ready() }));
      if (path === "/healthz") {
        const health = await checkHealth(options.checks);
        return send(health.status === "unhealthy" ? 503 : 200, JSON.stringify(health));
      }
      if (path === "/metrics") {
        await options.refresh?.();
        return send(200, await registry.metrics(), registry.contentType);
      }
      return send(404, '{"status":404,"code":"NOT_FOUND"}');
    };
    answer().catch(() => send(500, '{"status":500,"code":"INTERNAL"}'));
  });
  server.requestTimeout = 10_000;
  server.listen(options.port, options.host);
  await once(server, "listening");
  return server;
}
