import type { Database } from "../database/database.ts";
import type { Tables } from "../database/schema.ts";

/** A row without what all rows of an episode share. */
type Own<T extends keyof Tables, More extends string = never> = Omit<Tables[T], "episode_key" | "fingerprint" | More>;
type Graph<T extends "kg_nodes" | "kg_edges", More extends string = never> = Own<T, "properties" | More> & {
  properties: Record<string, unknown>;
};

/** Rows of one episode, as files say. */
export interface ProjectionRows {
  episodeKey: string;
  fingerprint: string;
  durationMs: number | null;
  flags: string[];
  summary: Own<"summaries"> | undefined;
  segments: Own<"segments">[];
  insights: Own<"insights">[];
  quotes: Own<"quotes">[];
  support: Own<"insight_support">[];
  nodes: Graph<"kg_nodes">[];
  edges: Graph<"kg_edges", "position">[];
  artifacts: Own<"artifacts", "created_at">[];
}

/** Rows an insert takes at once: Postgres binds at most 65,535 values. */
const BATCH = 500;

/** Replaces all rows of an episode in one transaction: a reader sees the old or the new. Doing it twice changes nothing. */
export async function writeProjection(database: Database, rows: ProjectionRows): Promise<void> {
  const { episodeKey, fingerprint } = rows;
  const own = { episode_key: episodeKey, fingerprint };
  await database.db.transaction().execute(async (tx) => {
    for (const table of [
      "insight_support",
      "quotes",
      "insights",
      "segments",
      "summaries",
      "kg_edges",
      "kg_nodes",
      "artifacts",
    ] as const)
      await tx.deleteFrom(table).where("episode_key", "=", episodeKey).execute();
    if (rows.summary)
      await tx
        .insertInto("summaries")
        .values({ ...own, ...rows.summary })
        .execute();
    for (const part of batches(rows.segments))
      await tx
        .insertInto("segments")
        .values(part.map((row) => ({ ...own, ...row })))
        .execute();
    for (const part of batches(rows.insights))
      await tx
        .insertInto("insights")
        .values(part.map((row) => ({ ...own, ...row })))
        .execute();
    for (const part of batches(rows.quotes))
      await tx
        .insertInto("quotes")
        .values(part.map((row) => ({ ...own, ...row })))
        .execute();
    for (const part of batches(rows.support))
      await tx
        .insertInto("insight_support")
        .values(part.map((row) => ({ ...own, ...row })))
        .execute();
    for (const part of batches(rows.nodes))
      await tx
        .insertInto("kg_nodes")
        .values(part.map((row) => ({ ...own, ...row, properties: JSON.stringify(row.properties) })))
        .execute();
    for (const [start, part] of batches(rows.edges).entries())
      await tx
        .insertInto("kg_edges")
        .values(
          part.map((row, index) => ({
            ...own,
            ...row,
            position: start * BATCH + index,
            properties: JSON.stringify(row.properties),
          })),
        )
        .execute();
    for (const part of batches(rows.artifacts))
      await tx
        .insertInto("artifacts")
        .values(part.map((row) => ({ ...own, ...row })))
        .execute();
    await tx
      .updateTable("episodes")
      .set({
        fingerprint,
        flags: rows.flags,
        ...(rows.durationMs === null ? {} : { duration_ms: rows.durationMs }),
      })
      .where("key", "=", episodeKey)
      .execute();
  });
}

function batches<T>(rows: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let start = 0; start < rows.length; start += BATCH) parts.push(rows.slice(start, start + BATCH));
  return parts;
}
