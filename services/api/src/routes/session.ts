import { AppError, VERSION } from "@podcast/base";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";

const COOKIE = "podcast_key";
const MONTH_S = 30 * 86_400;

/** What the console asks before anything else, and the key that a browser keeps. */
export function sessionRoutes(api: Api, { config, database }: ApiContext): void {
  const tags = ["Session"];
  api.get(
    "/api/console",
    {
      config: { role: "none" },
      schema: {
        tags,
        summary: "What a console needs to know first; tells nothing private",
        response: {
          200: z.object({
            version: z.string(),
            /** Whether there are jobs, subscriptions and administration, or a folder of files alone. */
            platform: z.boolean(),
            /** Whether reading needs no key from this machine. */
            open: z.boolean(),
            /** Feeds that an empty box can offer. */
            samples: z.array(z.string()),
            /** Where the console reports errors and web vitals to; null: nowhere. */
            faro_url: z.string().nullable(),
          }),
        },
      },
    },
    async () => ({
      version: VERSION,
      platform: database !== undefined,
      open: config["auth.apiKey"] === undefined && config["oidc.issuer"] === undefined,
      samples: database === undefined ? [] : config["samples.feeds"],
      faro_url: config["faro.url"] ?? null,
    }),
  );
  api.get(
    "/api/me",
    {
      schema: {
        tags,
        summary: "Who asks",
        response: {
          200: z.object({ actor: z.string(), tenant: z.string(), role: z.string(), scopes: z.array(z.string()) }),
        },
      },
    },
    async ({ principal }) => ({
      actor: principal.actor,
      tenant: principal.tenantId,
      role: principal.role,
      scopes: [...principal.scopes],
    }),
  );
  const cookie = (value: string, seconds: number, secure: boolean) =>
    `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure ? "; Secure" : ""}`;
  api.post(
    "/api/session",
    {
      config: { role: "viewer", scope: "read" },
      schema: {
        tags,
        summary: "Keep the key of the Authorization header in a cookie that no script can read",
        response: { 200: z.object({ actor: z.string(), role: z.string() }) },
      },
    },
    async (request, reply) => {
      const key = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
      if (key === undefined)
        throw new AppError("NOT_AUTHENTICATED", "There is no key to keep.", {
          hint: "Send Authorization: Bearer <key>.",
        });
      reply.header("set-cookie", cookie(encodeURIComponent(key), MONTH_S, request.protocol === "https"));
      return { actor: request.principal.actor, role: request.principal.role };
    },
  );
  api.delete(
    "/api/session",
    { config: { role: "none" }, schema: { tags, summary: "Forget that key", response: { 204: z.null() } } },
    async (request, reply) => {
      reply.header("set-cookie", cookie("", 0, request.protocol === "https"));
      return reply.code(204).send(null);
    },
  );
}
