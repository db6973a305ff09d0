import { AppError } from "@podcast/base";
import type { Database } from "@podcast/platform";
import { sql } from "kysely";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";
import { found, Key } from "./library.ts";

const Bookmark = z.object({
  id: z.string(),
  episode: z.string(),
  position_ms: z.number(),
  title: z.string(),
  created_by: z.string(),
  created_at: z.string(),
});
const Note = z.object({
  id: z.string(),
  episode: z.string(),
  insight: z.string().nullable(),
  body: z.string(),
  created_by: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});
const Label = z.string().trim().min(1).max(60);
const Of = z.object({ episode: z.string().max(300).optional() });
const Id = z.object({ id: z.uuid() });

/** What a tenant adds of its own: bookmarks, notes, labels. */
export function overlayRoutes(api: Api, { database: db, library }: ApiContext): void {
  const database = db as Database;
  const tags = ["Overlays"];

  api.get(
    "/api/bookmarks",
    {
      schema: {
        tags,
        summary: "Bookmarks",
        querystring: Of,
        response: { 200: z.object({ items: z.array(Bookmark) }) },
      },
    },
    async ({ principal, query }) => {
      const rows = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .selectFrom("bookmarks")
          .selectAll()
          .$if(query.episode !== undefined, (q) => q.where("episode_key", "=", query.episode as string))
          .orderBy("created_at", "desc")
          .limit(1000)
          .execute(),
      );
      return { items: rows.map(bookmarkItem) };
    },
  );
  api.post(
    "/api/bookmarks",
    {
      schema: {
        tags,
        summary: "Keep a place of an episode",
        body: z.object({
          episode: z.string().max(300),
          position_ms: z.number().int().min(0).max(604_800_000),
          title: z.string().max(300).default(""),
        }),
        response: { 201: Bookmark },
      },
    },
    async ({ principal, body }, reply) => {
      const episode = found(await library.episode(principal, body.episode), "episode");
      const row = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .insertInto("bookmarks")
          .values({
            tenant_id: principal.tenantId,
            episode_key: episode.key,
            position_ms: body.position_ms,
            title: body.title,
            created_by: principal.actor,
          })
          .returningAll()
          .executeTakeFirstOrThrow(),
      );
      return reply.code(201).send(bookmarkItem(row));
    },
  );
  api.delete(
    "/api/bookmarks/:id",
    { schema: { tags, summary: "Remove a bookmark", params: Id, response: { 204: z.null() } } },
    async ({ principal, params }, reply) => {
      await remove("bookmarks", principal.tenantId, params.id);
      return reply.code(204).send(null);
    },
  );

  api.get(
    "/api/notes",
    { schema: { tags, summary: "Notes", querystring: Of, response: { 200: z.object({ items: z.array(Note) }) } } },
    async ({ principal, query }) => {
      const rows = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .selectFrom("notes")
          .selectAll()
          .$if(query.episode !== undefined, (q) => q.where("episode_key", "=", query.episode as string))
          .orderBy("created_at", "desc")
          .limit(1000)
          .execute(),
      );
      return { items: rows.map(noteItem) };
    },
  );
  api.post(
    "/api/notes",
    {
      schema: {
        tags,
        summary: "Write a note on an episode or one of its insights",
        body: z.object({
          episode: z.string().max(300),
          insight: z.string().max(300).optional(),
          body: z.string().trim().min(1).max(20_000),
        }),
        response: { 201: Note },
      },
    },
    async ({ principal, body }, reply) => {
      const episode = found(await library.episode(principal, body.episode), "episode");
      const row = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .insertInto("notes")
          .values({
            tenant_id: principal.tenantId,
            episode_key: episode.key,
            insight_id: body.insight ?? null,
            body: body.body,
            created_by: principal.actor,
          })
          .returningAll()
          .executeTakeFirstOrThrow(),
      );
      return reply.code(201).send(noteItem(row));
    },
  );
  api.patch(
    "/api/notes/:id",
    {
      schema: {
        tags,
        summary: "Change a note",
        params: Id,
        body: z.object({ body: z.string().trim().min(1).max(20_000) }),
        response: { 200: Note },
      },
    },
    async ({ principal, params, body }) => {
      const row = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .updateTable("notes")
          .set({ body: body.body, updated_at: sql<Date>`now()` })
          .where("id", "=", params.id)
          .returningAll()
          .executeTakeFirst(),
      );
      return noteItem(found(row, "note"));
    },
  );
  api.delete(
    "/api/notes/:id",
    { schema: { tags, summary: "Remove a note", params: Id, response: { 204: z.null() } } },
    async ({ principal, params }, reply) => {
      await remove("notes", principal.tenantId, params.id);
      return reply.code(204).send(null);
    },
  );

  const Labels = z.object({ items: z.array(z.object({ label: z.string(), episodes: z.number().int() })) });
  api.get(
    "/api/labels",
    { schema: { tags, summary: "Labels in use", response: { 200: Labels } } },
    async ({ principal }) => {
      const rows = await database.asTenant(principal.tenantId, (tx) =>
        tx
          .selectFrom("labels")
          .select(["label", sql<number>`count(*)::int`.as("episodes")])
          .groupBy("label")
          .orderBy("label")
          .execute(),
      );
      return { items: rows };
    },
  );
  api.put(
    "/api/episodes/:key/labels/:label",
    {
      schema: { tags, summary: "Label an episode", params: Key.extend({ label: Label }), response: { 204: z.null() } },
    },
    async ({ principal, params }, reply) => {
      const episode = found(await library.episode(principal, params.key), "episode");
      await database.asTenant(principal.tenantId, (tx) =>
        tx
          .insertInto("labels")
          .values({ tenant_id: principal.tenantId, episode_key: episode.key, label: params.label })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/api/episodes/:key/labels/:label",
    {
      schema: { tags, summary: "Take a label off", params: Key.extend({ label: Label }), response: { 204: z.null() } },
    },
    async ({ principal, params }, reply) => {
      await database.asTenant(principal.tenantId, (tx) =>
        tx.deleteFrom("labels").where("episode_key", "=", params.key).where("label", "=", params.label).execute(),
      );
      return reply.code(204).send(null);
    },
  );

  async function remove(table: "bookmarks" | "notes", tenantId: string, id: string): Promise<void> {
    const { numDeletedRows } = await database.asTenant(tenantId, (tx) =>
      tx.deleteFrom(table).where("id", "=", id).executeTakeFirst(),
    );
    if (Number(numDeletedRows) === 0) throw new AppError("NOT_FOUND", "There is nothing here.");
  }
}

function bookmarkItem(row: {
  id: string;
  episode_key: string;
  position_ms: number;
  title: string;
  created_by: string;
  created_at: Date;
}): z.infer<typeof Bookmark> {
  const { id, position_ms, title, created_by } = row;
  return { id, episode: row.episode_key, position_ms, title, created_by, created_at: row.created_at.toISOString() };
}

function noteItem(row: {
  id: string;
  episode_key: string;
  insight_id: string | null;
  body: string;
  created_by: string;
  created_at: Date;
  updated_at: Date;
}): z.infer<typeof Note> {
  return {
    id: row.id,
    episode: row.episode_key,
    insight: row.insight_id,
    body: row.body,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
