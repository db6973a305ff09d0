import { sql } from "kysely";
import type { Db, Tx } from "../database/database.ts";
import type { EpisodeState } from "../database/schema.ts";

export interface Transition {
  stage?: string | null;
  error?: { code: string; message: string } | null;
  attempts?: number;
  nextRetryAt?: Date | null;
  fingerprint?: string;
  flags?: string[];
  jobId?: string;
  workerId?: string;
  correlationId?: string;
}

/**
 * Moves an episode to a state and notes it in `job_events` in the same transaction. Returns false when it is there
 * already (the stage may still change) or does not exist.
 */
export async function moveEpisode(tx: Tx, key: string, to: EpisodeState, change: Transition = {}): Promise<boolean> {
  const held = await tx
    .selectFrom("episodes")
    .select(["state", "stage", "correlation_id"])
    .where("key", "=", key)
    .forUpdate()
    .executeTakeFirst();
  if (held === undefined) return false;
  const moved = held.state !== to;
  const stage = change.stage === undefined ? held.stage : change.stage;
  if (!moved && stage === held.stage && change.error === undefined) return false;
  await tx
    .updateTable("episodes")
    .set({
      state: to,
      stage,
      updated_at: sql<Date>`now()`,
      ...(moved ? { state_since: sql<Date>`now()` } : {}),
      ...(change.error === undefined
        ? {}
        : { error_code: change.error?.code ?? null, error: change.error?.message ?? null }),
      ...(change.attempts === undefined ? {} : { attempts: change.attempts }),
      ...(change.nextRetryAt === undefined ? {} : { next_retry_at: change.nextRetryAt }),
      ...(change.fingerprint === undefined ? {} : { fingerprint: change.fingerprint }),
      ...(change.flags === undefined ? {} : { flags: change.flags }),
      ...(change.correlationId === undefined ? {} : { correlation_id: change.correlationId }),
    })
    .where("key", "=", key)
    .execute();
  await tx
    .insertInto("job_events")
    .values({
      kind: moved ? "episode" : "stage",
      job_id: change.jobId ?? null,
      episode_key: key,
      from_state: held.state,
      to_state: to,
      stage,
      worker_id: change.workerId ?? null,
      correlation_id: change.correlationId ?? held.correlation_id,
      detail: JSON.stringify(change.error ? { code: change.error.code } : {}),
    })
    .execute();
  return moved;
}

export interface CatalogueEpisode {
  key: string;
  feed_key: string;
  guid: string;
  title: string;
  description?: string | undefined;
  published: string;
  duration_ms?: number | undefined;
  link?: string | undefined;
  image?: string | undefined;
  audio_url?: string | undefined;
}

/** Puts episodes of a feed into the catalogue. New ones get `state`; known ones keep theirs. Returns the new keys. */
export async function upsertEpisodes(
  db: Db | Tx,
  episodes: readonly (CatalogueEpisode & { state: EpisodeState })[],
): Promise<string[]> {
  const created: string[] = [];
  for (let start = 0; start < episodes.length; start += 200) {
    const rows = await db
      .insertInto("episodes")
      .values(
        episodes.slice(start, start + 200).map((one) => ({
          key: one.key,
          feed_key: one.feed_key,
          guid: one.guid,
          title: one.title,
          description: one.description ?? null,
          published: one.published,
          duration_ms: one.duration_ms ?? null,
          link: one.link ?? null,
          image: one.image ?? null,
          audio_url: one.audio_url ?? null,
          state: one.state,
        })),
      )
      .onConflict((conflict) =>
        conflict.column("key").doUpdateSet((eb) => ({
          title: eb.ref("excluded.title"),
          description: eb.ref("excluded.description"),
          published: eb.ref("excluded.published"),
          link: eb.ref("excluded.link"),
          image: eb.ref("excluded.image"),
          audio_url: eb.ref("excluded.audio_url"),
        })),
      )
      // xmax is 0 only for a row that this statement inserted.
      .returning(["key", sql<boolean>`(xmax = 0)`.as("fresh")])
      .execute();
    created.push(...rows.filter((row) => row.fresh).map((row) => row.key));
  }
  return created;
}
