import { rowsOf } from "@podcast/corpus";
import { moveEpisode, writeProjection } from "@podcast/platform";
import type { JobKind, WorkContext } from "./job.ts";

/** Files → Postgres, one transaction an episode. */
export const projectEpisode: JobKind = {
  name: "project_episode",
  async run({ job, corpus, database, workerId }: WorkContext) {
    const key = job.episode_key as string;
    const row = await database.db.selectFrom("episodes").select("feed_key").where("key", "=", key).executeTakeFirst();
    if (row === undefined) return { result: { gone: true } };
    await database.db.transaction().execute((tx) =>
      moveEpisode(tx, key, "projecting", {
        stage: "projection",
        jobId: job.id,
        workerId,
        correlationId: job.correlation_id,
      }),
    );
    const rows = await rowsOf(corpus, { feed: row.feed_key, episode: key });
    await writeProjection(database, rows);
    return {
      result: { fingerprint: rows.fingerprint, segments: rows.segments.length, insights: rows.insights.length },
    };
  },
};
