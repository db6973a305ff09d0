import { modelDir } from "@podcast/base";
import { CATALOGUE, installedModel } from "@podcast/models";
import type { Database } from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../../context.ts";

const ModelItem = z.object({
  id: z.string(),
  capability: z.string(),
  title: z.string(),
  licence: z.string(),
  /** On disk, about. */
  bytes: z.number(),
  /** Memory while it works, megabytes. */
  memory_mb: z.number(),
  languages: z.string().nullable(),
  installed: z.boolean(),
});

/** Models that can be chosen, and what language models have cost. */
export function modelRoutes(api: Api, context: ApiContext): void {
  const { db } = context.database as Database;
  const tags = ["Admin"];
  const config = { admin: true };
  const cache = modelDir(context.config);
  api.get(
    "/api/admin/models",
    {
      config,
      schema: {
        tags,
        summary: "The catalogue of models, and which are on this machine's disk",
        response: { 200: z.object({ items: z.array(ModelItem) }) },
      },
    },
    async () => ({
      items: await Promise.all(
        CATALOGUE.map(async (entry) => ({
          id: entry.id,
          capability: entry.capability,
          title: entry.title,
          licence: entry.licence,
          bytes: entry.bytes,
          memory_mb: entry.memoryMb,
          languages: entry.languages ?? null,
          installed: (await installedModel(entry, cache)) !== undefined,
        })),
      ),
    }),
  );
  api.get(
    "/api/admin/costs",
    {
      config,
      schema: {
        tags,
        summary: "What jobs have spent on services, by day, the last 30 days; US dollars",
        response: {
          200: z.object({ total_usd: z.number(), days: z.array(z.object({ day: z.string(), usd: z.number() })) }),
        },
      },
    },
    async () => {
      const { rows } = await sql<{ day: string; usd: number }>`
        SELECT to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, sum((result->>'cost_usd')::float) AS usd
        FROM jobs WHERE finished_at > now() - interval '30 days' AND result->>'cost_usd' IS NOT NULL
        GROUP BY 1 HAVING sum((result->>'cost_usd')::float) > 0 ORDER BY 1`.execute(db);
      return { total_usd: rows.reduce((sum, row) => sum + row.usd, 0), days: rows };
    },
  );
}
