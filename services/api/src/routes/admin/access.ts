import { AppError } from "@podcast/base";
import { createJob, createKey, type Database, decodeCursor, encodeCursor } from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../../context.ts";
import { pageOf } from "../../library/library.ts";
import { found, Key, PageParameters } from "../library.ts";

const JobId = z.object({ id: z.uuid() });

/** Keys, entitlements, the index, and the audit of all of it. */
export function accessRoutes(api: Api, context: ApiContext): void {
  const database = context.database as Database;
  const { db } = database;
  const tags = ["Admin"];
  const config = { admin: true };

  const KeyItem = z.object({
    id: z.string(),
    name: z.string(),
    role: z.string(),
    scopes: z.array(z.string()),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
  });
  api.get(
    "/api/admin/keys",
    {
      config,
      schema: { tags, summary: "API keys of this tenant", response: { 200: z.object({ items: z.array(KeyItem) }) } },
    },
    async ({ principal }) => {
      const rows = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .selectFrom("api_keys")
          .select(["id", "name", "role", "scopes", "created_at", "expires_at", "revoked_at"])
          .orderBy("created_at")
          .execute(),
      );
      return {
        items: rows.map((row) => ({
          ...row,
          created_at: row.created_at.toISOString(),
          expires_at: row.expires_at?.toISOString() ?? null,
          revoked_at: row.revoked_at?.toISOString() ?? null,
        })),
      };
    },
  );
  api.post(
    "/api/admin/keys",
    {
      config,
      schema: {
        tags,
        summary: "Make a key; its text is shown this once",
        body: z.object({
          name: z.string().trim().min(1).max(100),
          role: z.enum(["admin", "editor", "viewer"]).default("viewer"),
          scopes: z
            .array(z.enum(["read", "write", "admin"]))
            .max(3)
            .optional(),
          expires_in_days: z.number().int().min(1).max(3650).optional(),
        }),
        response: { 201: z.object({ id: z.string(), key: z.string() }) },
      },
    },
    async ({ principal, body }, reply) => {
      const { name, role, scopes, expires_in_days } = body;
      const expiresAt = expires_in_days ? new Date(Date.now() + expires_in_days * 86_400_000) : undefined;
      return reply.code(201).send(await createKey(database, principal.tenantId, { name, role, scopes, expiresAt }));
    },
  );
  api.delete(
    "/api/admin/keys/:id",
    { config, schema: { tags, summary: "Revoke a key", params: JobId, response: { 204: z.null() } } },
    async ({ principal, params }, reply) => {
      const { numUpdatedRows } = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .updateTable("api_keys")
          .set({ revoked_at: sql<Date>`now()` })
          .where("id", "=", params.id)
          .where("revoked_at", "is", null)
          .executeTakeFirst(),
      );
      if (Number(numUpdatedRows) === 0) throw new AppError("NOT_FOUND", "There is no such key.");
      return reply.code(204).send(null);
    },
  );

  api.put(
    "/api/admin/feeds/:key",
    {
      config,
      schema: {
        tags,
        summary: "Process a feed for everybody, or only for who follows it",
        params: Key,
        body: z.object({ enabled_for_all: z.boolean() }),
        response: { 200: z.object({ key: z.string(), enabled_for_all: z.boolean() }) },
      },
    },
    async ({ params, body }) => {
      const row = await db
        .updateTable("feeds")
        .set({ enabled_for_all: body.enabled_for_all })
        .where("key", "=", params.key)
        .returning(["key", "enabled_for_all"])
        .executeTakeFirst();
      return found(row, "feed");
    },
  );
  api.put(
    "/api/admin/entitlements/:key",
    {
      config,
      schema: {
        tags,
        summary: "Let this tenant read a feed that it does not follow",
        params: Key,
        response: { 204: z.null() },
      },
    },
    async ({ principal, params }, reply) => {
      await database.asTenant(principal.tenantId, (tx) =>
        tx
          .insertInto("entitlements")
          .values({ tenant_id: principal.tenantId, feed_key: params.key, granted_by: principal.actor })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/api/admin/entitlements/:key",
    { config, schema: { tags, summary: "Take such a right back", params: Key, response: { 204: z.null() } } },
    async ({ principal, params }, reply) => {
      await database.asTenant(principal.tenantId, (tx) =>
        tx.deleteFrom("entitlements").where("feed_key", "=", params.key).execute(),
      );
      return reply.code(204).send(null);
    },
  );
  api.post(
    "/api/admin/index/rebuild",
    {
      config,
      schema: {
        tags,
        summary: "Bring the search index up to date",
        response: { 202: z.object({ id: z.string(), created: z.boolean() }) },
      },
    },
    async (request, reply) =>
      reply.code(202).send(
        await createJob(db, {
          queue: context.config["platform.tier"] === "simple" ? "projection" : "index",
          name: "update_index",
          dedupe: "update_index",
          correlationId: request.correlationId,
          requestedBy: request.principal.actor,
          chain: false,
        }),
      ),
  );
  api.get(
    "/api/admin/audit",
    {
      config,
      schema: {
        tags,
        summary: "Every write, newest first",
        querystring: PageParameters,
        response: {
          200: pageOf(
            z.object({
              id: z.number(),
              at: z.string(),
              actor: z.string(),
              method: z.string(),
              route: z.string(),
              target: z.string().nullable(),
              status: z.number(),
              correlation_id: z.string(),
            }),
          ),
        },
      },
    },
    async ({ query, principal }) => {
      const after = query.cursor ? decodeCursor(query.cursor, ["number"]) : undefined;
      const rows = await db
        .selectFrom("audit")
        .selectAll()
        .where((eb) => eb.or([eb("tenant_id", "=", principal.tenantId), eb("tenant_id", "is", null)]))
        .$if(after !== undefined, (q) => q.where("id", "<", Math.floor(after?.[0] as number)))
        .orderBy("id", "desc")
        .limit(query.limit + 1)
        .execute();
      const items = rows
        .slice(0, query.limit)
        .map(({ tenant_id: _tenant, ...row }) => ({ ...row, at: row.at.toISOString() }));
      const last = items.at(-1);
      return { items, next_cursor: rows.length > query.limit && last ? encodeCursor([last.id]) : null };
    },
  );
}
