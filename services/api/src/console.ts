import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { Api, ApiContext } from "./context.ts";
import { send } from "./plugins/problems.ts";

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Podcast Appliance</title>
<body style="font:1.1rem/1.6 Georgia,serif;max-width:34rem;margin:15vh auto;padding:0 1rem">
<h1>The console is not built yet</h1><p>Run <code>npm run console:build</code> and load this page again; <code>npm start</code> does it by itself.</p>
<p>The API answers at <a href="/docs">/docs</a>.</p>`;

/**
 * The console's static build, and its one page for every address that is not a file. Its inline scripts
 * are the build's own: the policy names them by hash, so no text of a feed can ever run.
 */
export async function installConsole(api: Api, { config, consoleDir }: ApiContext): Promise<void> {
  if (!config["server.viewer"] || consoleDir === undefined) return;
  const page = join(consoleDir, "index.html");
  const built = existsSync(page);
  const html = built ? await readFile(page, "utf8") : NOT_BUILT;
  const policy = contentPolicy(html, config["faro.url"]);
  await api.register(async (scope) => {
    // A page and its scripts hold nothing private.
    scope.addHook("onRoute", (route) => {
      route.config = { ...route.config, role: "none" };
      route.schema = { ...route.schema, hide: true };
    });
    if (built)
      await scope.register(fastifyStatic, {
        root: consoleDir,
        index: false,
        wildcard: false,
        preCompressed: true,
        globIgnore: ["index.html*"],
        cacheControl: false,
        setHeaders: (reply, path) => {
          const immutable = path.includes("/_app/immutable/");
          reply.header("cache-control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
        },
      });
    scope.get("/*", async (request, reply) => {
      if (/^\/(?:api|metrics|_app)(?:[/?]|$)/.test(request.url))
        return send(request, reply, 404, "NOT_FOUND", "There is nothing here.");
      return reply
        .code(built ? 200 : 503)
        .type("text/html; charset=utf-8")
        .header("content-security-policy", policy)
        .header("cache-control", "no-cache")
        .send(html);
    });
  });
}

/** Content-Security-Policy of the console's page. */
export function contentPolicy(html: string, collector: string | undefined): string {
  const hashes = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script]) =>
      `'sha256-${createHash("sha256")
        .update(script ?? "")
        .digest("base64")}'`,
  );
  const reports = collector === undefined ? "" : ` ${new URL(collector).origin}`;
  return [
    "default-src 'self'",
    `script-src ${["'self'", ...hashes].join(" ")}`,
    // Style attributes are set by components; scripts never are.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    `connect-src 'self'${reports}`,
    "worker-src 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
  ].join("; ");
}
