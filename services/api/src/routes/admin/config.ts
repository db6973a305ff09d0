import { AppError, type Config, SETTINGS, type Setting, type SettingKey, showValue } from "@podcast/base";
import { changeSettings, type Database, readSettings } from "@podcast/platform";
import { z } from "zod";
import type { Api, ApiContext } from "../../context.ts";

/** Settings and providers: read, change, test, history. */
export function configRoutes(api: Api, context: ApiContext): void {
  const { db } = context.database as Database;
  const tags = ["Admin"];
  const config = { admin: true };

  const SettingItem = z.object({
    key: z.string(),
    /** As it may be shown; null where nothing is set. */
    value: z.string().nullable(),
    changed: z.boolean(),
    secret: z.boolean(),
    about: z.string(),
    env: z.string().nullable(),
  });
  api.get(
    "/api/admin/config",
    {
      config,
      schema: {
        tags,
        summary: "Every setting, secrets masked",
        response: { 200: z.object({ items: z.array(SettingItem) }) },
      },
    },
    async () => {
      const changed = await readSettings(db);
      return {
        items: (Object.keys(SETTINGS) as SettingKey[]).map((key) => {
          const { about, env, secret = false } = SETTINGS[key] as Setting;
          const value = changed[key] ?? context.config[key as keyof Config];
          const unset = value === undefined || (Array.isArray(value) && value.length === 0);
          return {
            key,
            value: unset ? null : showValue(key, value),
            changed: key in changed,
            secret,
            about,
            env: env ?? null,
          };
        }),
      };
    },
  );
  api.patch(
    "/api/admin/config",
    {
      config,
      schema: {
        tags,
        summary: "Change settings (null takes one back); new jobs use them. What the environment sets stays stronger",
        body: z
          .record(z.string().max(100), z.unknown())
          .refine((body) => Object.keys(body).length > 0, "names no setting"),
        response: { 200: z.object({ changed: z.array(z.string()) }) },
      },
    },
    async (request) => {
      await changeSettings(db, request.body, request.principal.actor, request.correlationId);
      return { changed: Object.keys(request.body) };
    },
  );
  api.put(
    "/api/admin/config/whisper_model",
    {
      config,
      schema: {
        tags,
        summary: "Choose the Whisper model",
        body: z.object({ model: z.string().max(100) }),
        response: { 200: z.object({ model: z.string() }) },
      },
    },
    async (request) => {
      await changeSettings(
        db,
        { "transcription.model": request.body.model },
        request.principal.actor,
        request.correlationId,
      );
      return { model: request.body.model };
    },
  );
  const PROVIDERS: Record<string, SettingKey> = {
    transcription: "transcription.provider",
    summary: "summary.provider",
    insights: "insights.provider",
    graph: "graph.provider",
  };
  api.get(
    "/api/admin/config/provider",
    { config, schema: { tags, summary: "Who does what", response: { 200: z.record(z.string(), z.string()) } } },
    async () => {
      const changed = await readSettings(db);
      return Object.fromEntries(
        Object.entries(PROVIDERS).map(([name, key]) => [
          name,
          String(changed[key] ?? context.config[key as keyof Config]),
        ]),
      );
    },
  );
  api.put(
    "/api/admin/config/provider/:capability",
    {
      config,
      schema: {
        tags,
        summary: "Choose who does a capability",
        params: z.object({ capability: z.enum(["transcription", "summary", "insights", "graph"]) }),
        body: z.object({ provider: z.string().max(40) }),
        response: { 200: z.object({ capability: z.string(), provider: z.string() }) },
      },
    },
    async (request) => {
      const { capability } = request.params;
      const { provider } = request.body;
      await changeSettings(
        db,
        { [PROVIDERS[capability] as string]: provider },
        request.principal.actor,
        request.correlationId,
      );
      return { capability, provider };
    },
  );
  api.post(
    "/api/admin/config/provider/test",
    {
      config,
      schema: {
        tags,
        summary: "Ask the language model service for its models: does the address answer, is the key taken",
        response: { 200: z.object({ ok: z.boolean(), latency_ms: z.number(), detail: z.string() }) },
      },
    },
    async () => {
      const base = context.config["llm.baseUrl"];
      if (base === undefined)
        throw new AppError("NOT_AVAILABLE", "No address of a language model service is set.", {
          hint: "Set LLM_BASE_URL.",
        });
      const started = performance.now();
      const response = await fetch(`${base.replace(/\/$/, "")}/models`, {
        headers: context.config["llm.apiKey"] ? { authorization: `Bearer ${context.config["llm.apiKey"]}` } : {},
        signal: AbortSignal.timeout(10_000),
        redirect: "manual",
      }).catch((error) => error as Error);
      const latency = Math.round(performance.now() - started);
      if (response instanceof Error) return { ok: false, latency_ms: latency, detail: "no answer" };
      return { ok: response.ok, latency_ms: latency, detail: `HTTP ${response.status}` };
    },
  );
  api.get(
    "/api/admin/config/history",
    {
      config,
      schema: {
        tags,
        summary: "How settings changed",
        querystring: z.object({ key: z.string().max(100).optional() }),
        response: {
          200: z.object({
            items: z.array(
              z.object({
                id: z.number(),
                key: z.string(),
                old: z.unknown(),
                new: z.unknown(),
                version: z.number(),
                at: z.string(),
                by: z.string(),
              }),
            ),
          }),
        },
      },
    },
    async ({ query }) => {
      const rows = await db
        .selectFrom("settings_history")
        .selectAll()
        .$if(query.key !== undefined, (q) => q.where("key", "=", query.key as string))
        .orderBy("id", "desc")
        .limit(500)
        .execute();
      return {
        items: rows.map((row) => ({
          id: row.id,
          key: row.key,
          old: row.old_value,
          new: row.new_value,
          version: row.version,
          at: row.at.toISOString(),
          by: row.by,
        })),
      };
    },
  );
}
