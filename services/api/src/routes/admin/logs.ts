import { AppError } from "@podcast/base";
import { z } from "zod";
import type { Api, ApiContext } from "../../context.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
const LogLine = z.object({
  at: z.string(),
  service: z.string().nullable(),
  level: z.string().nullable(),
  message: z.string(),
  correlation_id: z.string().nullable(),
  fields: z.record(z.string(), z.unknown()),
});
type LogLine = z.infer<typeof LogLine>;

/** Log lines, asked of the Loki that the services write to. */
export function logRoutes(api: Api, { config: settings }: ApiContext): void {
  api.get(
    "/api/admin/logs",
    {
      config: { admin: true },
      schema: {
        tags: ["Admin"],
        summary: "Log lines in the order of time: of one correlation id, a service, or with a text",
        querystring: z.object({
          correlation_id: z
            .string()
            .regex(/^[\w.:-]{4,100}$/, "is no correlation id")
            .optional(),
          service: z
            .string()
            .regex(/^[\w-]{1,60}$/, "is no service")
            .optional(),
          level: z.enum(LEVELS).optional(),
          q: z.string().max(200).optional(),
          hours: z.coerce.number().min(0.1).max(720).default(24),
          limit: z.coerce.number().int().min(1).max(5000).default(500),
        }),
        response: { 200: z.object({ items: z.array(LogLine), truncated: z.boolean() }) },
      },
    },
    async ({ query }) => {
      const loki = settings["loki.url"];
      if (loki === undefined)
        throw new AppError("NOT_AVAILABLE", "No Loki is set: log lines are written to the terminal only.", {
          hint: "Set LOKI_URL.",
        });
      const url = new URL("/loki/api/v1/query_range", loki);
      url.searchParams.set("query", logQuery(query));
      url.searchParams.set("since", `${Math.ceil(query.hours * 60)}m`);
      url.searchParams.set("limit", String(query.limit));
      // The newest are asked for, and shown oldest first.
      url.searchParams.set("direction", "backward");
      const response = await fetch(url, { signal: AbortSignal.timeout(15_000), redirect: "error" }).catch((cause) => {
        throw new AppError("NOT_AVAILABLE", "Loki does not answer.", { hint: "Check LOKI_URL.", cause });
      });
      if (!response.ok)
        throw new AppError("NOT_AVAILABLE", `Loki answers with HTTP ${response.status}.`, { hint: "See its log." });
      const answer = (await response.json()) as {
        data: { result: { stream: Record<string, string>; values: [string, string][] }[] };
      };
      const items = answer.data.result
        .flatMap(({ stream, values }) => values.map(([at, text]) => ({ at, line: logLine(at, text, stream) })))
        .sort((a, b) => (BigInt(a.at) < BigInt(b.at) ? -1 : 1))
        .map(({ line }) => line);
      return { items, truncated: items.length >= query.limit };
    },
  );
}

/** LogQL of a question. Every part is checked or quoted: the text is a person's, not a query's. */
export function logQuery(query: {
  correlation_id?: string | undefined;
  service?: string | undefined;
  level?: string | undefined;
  q?: string | undefined;
}): string {
  const labels = [
    query.service === undefined ? `service=~".+"` : `service="${query.service}"`,
    ...(query.level === undefined
      ? []
      : [`level=~"${[...LEVELS, "fatal"].slice(LEVELS.indexOf(query.level as never)).join("|")}"`]),
  ];
  return [
    `{${labels.join(",")}}`,
    ...(query.correlation_id === undefined ? [] : [`| correlation_id="${query.correlation_id}"`]),
    ...(query.q ? [`|= ${JSON.stringify(query.q)}`] : []),
  ].join(" ");
}

const HIDDEN = new Set(["level", "time", "pid", "hostname", "msg", "service", "correlation_id"]);

function logLine(nanoseconds: string, text: string, stream: Record<string, string>): LogLine {
  let fields: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) fields = parsed as Record<string, unknown>;
  } catch {
    fields = { msg: text };
  }
  return {
    at: new Date(Number(BigInt(nanoseconds) / 1_000_000n)).toISOString(),
    service: stream.service ?? null,
    level: stream.level ?? null,
    message: String(fields.msg ?? ""),
    correlation_id: stream.correlation_id ?? (fields.correlation_id as string | undefined) ?? null,
    fields: Object.fromEntries(Object.entries(fields).filter(([name]) => !HIDDEN.has(name))),
  };
}
