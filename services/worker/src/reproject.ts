import { type Corpus, rowsOf } from "@podcast/corpus";
import { type Database, upsertEpisodes, writeProjection } from "@podcast/platform";
import { sql } from "kysely";

export interface ReprojectResult {
  feeds: number;
  episodes: number;
  /** Episodes that have not been processed, or whose files cannot be read. */
  skipped: { episode: string; reason: string }[];
}

/** Rebuilds catalogue and projection from the files of a corpus, to the same rows that its jobs wrote. */
export async function reproject(
  database: Database,
  corpus: Corpus,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ReprojectResult> {
  const feeds = await corpus.feeds();
  for (const feed of feeds) {
    await database.db
      .insertInto("feeds")
      .values({
        key: feed.key,
        url: feed.url,
        urls: feed.urls,
        title: feed.title,
        description: feed.description ?? null,
        author: feed.author ?? null,
        language: feed.language ?? null,
        link: feed.link ?? null,
        image: feed.image ?? null,
        categories: feed.categories,
        ttl_minutes: feed.ttl_minutes ?? null,
        overrides: "{}",
      })
      .onConflict((conflict) => conflict.column("key").doNothing())
      .execute();
  }
  const refs = await corpus.episodes();
  const skipped: ReprojectResult["skipped"] = [];
  let done = 0;
  for (const ref of refs) {
    onProgress(done, refs.length);
    try {
      const episode = await corpus.open(ref).metadata();
      if (episode === undefined) throw new Error("no episode.json");
      await upsertEpisodes(database.db, [
        {
          key: episode.key,
          feed_key: ref.feed,
          guid: episode.guid,
          title: episode.title.slice(0, 2000),
          description: episode.description?.slice(0, 20_000),
          published: episode.published ?? new Date(0).toISOString(),
          duration_ms: episode.declared_duration_ms,
          link: episode.link,
          image: episode.image,
          audio_url: episode.enclosure?.url,
          state: "paused",
        },
      ]);
      await writeProjection(database, await rowsOf(corpus, ref));
      await database.db
        .updateTable("episodes")
        .set({ state: "done", stage: null, state_since: sql<Date>`now()` })
        .where("key", "=", ref.episode)
        .where("state", "=", "paused")
        .execute();
      done++;
    } catch (error) {
      skipped.push({ episode: ref.episode, reason: (error as Error).message });
    }
  }
  return { feeds: feeds.length, episodes: done, skipped };
}
