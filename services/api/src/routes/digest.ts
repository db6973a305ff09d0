import { DigestPreferences, TenantDigest } from "@podcast/corpus";
import { createJob, type Database } from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";
import { found } from "./library.ts";

const Kept = z.object({ id: z.string(), created_at: z.string(), digest: TenantDigest });

/** A tenant's digests and what moves them. */
export function digestRoutes(api: Api, context: ApiContext): void {
  const database = context.database as Database;
  const tags = ["Digest"];
  const latest = async (tenantId: string, id?: string) => {
    const row = await database.asTenant(tenantId, (tx) =>
      tx
        .selectFrom("digests")
        .select(["id", "created_at", "artifact"])
        .$if(id !== undefined, (q) => q.where("id", "=", id as string))
        .orderBy("created_at", "desc")
        .limit(1)
        .executeTakeFirst(),
    );
    const kept = found(row, "digest");
    return { id: kept.id, created_at: kept.created_at.toISOString(), digest: TenantDigest.parse(kept.artifact) };
  };
  api.get(
    "/api/digest/latest",
    { schema: { tags, summary: "The newest digest", response: { 200: Kept } } },
    ({ principal }) => latest(principal.tenantId),
  );
  api.get(
    "/api/digests",
    {
      schema: {
        tags,
        summary: "Digests, newest first",
        response: {
          200: z.object({
            items: z.array(
              z.object({
                id: z.string(),
                since: z.string(),
                until: z.string(),
                created_at: z.string(),
                episodes: z.number().int(),
              }),
            ),
          }),
        },
      },
    },
    async ({ principal }) => {
      const rows = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .selectFrom("digests")
          .select([
            "id",
            "since",
            "until",
            "created_at",
            sql<number>`jsonb_array_length(artifact->'episodes')`.as("episodes"),
          ])
          .orderBy("created_at", "desc")
          .limit(200)
          .execute(),
      );
      return {
        items: rows.map((row) => ({
          id: row.id,
          since: row.since.toISOString(),
          until: row.until.toISOString(),
          created_at: row.created_at.toISOString(),
          episodes: row.episodes,
        })),
      };
    },
  );
  api.get(
    "/api/digests/:id",
    { schema: { tags, summary: "One digest", params: z.object({ id: z.uuid() }), response: { 200: Kept } } },
    ({ principal, params }) => latest(principal.tenantId, params.id),
  );
  for (const part of ["timeline", "topics", "clusters"] as const)
    api.get(
      `/api/digest/${part}`,
      {
        schema: {
          tags,
          summary: `The newest digest: ${part}`,
          response: { 200: z.object({ items: TenantDigest.shape[part] }) },
        },
      },
      async ({ principal }) => ({ items: (await latest(principal.tenantId)).digest[part] }) as never,
    );
  api.post(
    "/api/digest/generate",
    {
      schema: {
        tags,
        summary: "Make a digest now",
        body: z.object({ days: z.number().int().min(1).max(365).optional() }).default({}),
        response: { 202: z.object({ id: z.string(), created: z.boolean() }) },
      },
    },
    async ({ principal, body, correlationId }, reply) =>
      reply.code(202).send(
        await createJob(database.db, {
          queue: "digest",
          name: "generate_digest",
          dedupe: `digest:${principal.tenantId}`,
          tenantId: principal.tenantId,
          correlationId,
          requestedBy: principal.actor,
          chain: false,
          payload: body.days ? { days: body.days } : {},
        }),
      ),
  );
  api.get(
    "/api/digest/preferences",
    { schema: { tags, summary: "Watchlists, time budget, delivery", response: { 200: DigestPreferences } } },
    async ({ principal }) => {
      const row = await database.asTenant(principal.tenantId, (tx) =>
        tx.selectFrom("digest_preferences").select("preferences").executeTakeFirst(),
      );
      return DigestPreferences.parse(row?.preferences ?? {});
    },
  );
  api.put(
    "/api/digest/preferences",
    { schema: { tags, summary: "Change them", body: DigestPreferences, response: { 200: DigestPreferences } } },
    async ({ principal, body }) => {
      const preferences = JSON.stringify(body);
      await database.asTenant(principal.tenantId, (tx) =>
        tx
          .insertInto("digest_preferences")
          .values({ tenant_id: principal.tenantId, preferences })
          .onConflict((conflict) =>
            conflict.column("tenant_id").doUpdateSet({ preferences, updated_at: sql<Date>`now()` }),
          )
          .execute(),
      );
      return body;
    },
  );
}
