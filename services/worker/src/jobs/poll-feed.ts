import { type AppError, HttpError } from "@podcast/base";
import { collectFeed, knownFeeds } from "@podcast/pipeline";
import { notePoll, settleFeedKey, upsertEpisodes } from "@podcast/platform";
import type { JobKind, WorkContext } from "./job.ts";

/** Reads a feed with a conditional request and puts what it lists into the catalogue. */
export const pollFeed: JobKind = {
  name: "poll_feed",
  async run(context: WorkContext) {
    const { job, database, config, corpus, http, signal, logger } = context;
    const key = job.feed_key as string;
    const feed = await database.db.selectFrom("feeds").selectAll().where("key", "=", key).executeTakeFirst();
    if (feed === undefined) return { result: { gone: true } };
    const force = job.payload.force === true;
    const known = await knownFeeds(corpus.layout);
    const all = { "select.since": undefined, "select.until": undefined, "select.max": undefined, "select.offset": 0 };
    const collected = await collectFeed(
      { url: feed.url, overrides: feed.overrides },
      { ...config, ...all, "select.title": undefined },
      corpus.layout,
      known,
      http,
      signal,
      force ? {} : { etag: feed.etag ?? undefined, lastModified: feed.last_modified ?? undefined },
    );
    const shortest = config["platform.pollMinS"];
    if (collected.error) {
      const error = collected.error;
      await database.db
        .transaction()
        .execute((tx) =>
          notePoll(
            tx,
            key,
            { changed: false, error: { code: error.code, message: error.message, retryAfterS: retryAfterOf(error) } },
            shortest,
          ),
        );
      // The feed's own next poll is the retry: a show that is down fills no dead letters.
      logger.warn({ code: error.code, feed: key }, error.message);
      return { result: { error: error.code } };
    }
    if (collected.notModified) {
      await database.db.transaction().execute((tx) =>
        notePoll(
          tx,
          key,
          {
            changed: false,
            etag: feed.etag ?? undefined,
            lastModified: feed.last_modified ?? undefined,
            ttlMinutes: feed.ttl_minutes ?? undefined,
          },
          shortest,
        ),
      );
      return { result: { not_modified: true } };
    }
    const read = collected.feed;
    if (read === undefined) return { result: {} };
    const settled = await database.db.transaction().execute((tx) => settleFeedKey(tx, key, read.key));
    const firstTime = feed.last_changed_at === null;
    const newest = new Set(
      [...collected.episodes]
        .sort((a, b) => (b.published ?? "").localeCompare(a.published ?? ""))
        .slice(0, config["platform.backlog"])
        .map((episode) => episode.key),
    );
    const fresh = await upsertEpisodes(
      database.db,
      collected.episodes.map((episode) => ({
        key: episode.key,
        feed_key: settled,
        guid: episode.guid,
        title: episode.title.slice(0, 2000),
        description: episode.description?.slice(0, 20_000),
        published: episode.published ?? new Date(0).toISOString(),
        duration_ms: episode.declared_duration_ms,
        link: episode.link,
        image: episode.image,
        audio_url: episode.enclosure?.url,
        // Of a feed that is new only the newest are wanted; what comes later is.
        state: firstTime && !newest.has(episode.key) ? ("paused" as const) : ("pending" as const),
      })),
    );
    await database.db.transaction().execute(async (tx) => {
      await tx
        .updateTable("feeds")
        .set({
          title: read.title.slice(0, 1000),
          description: read.description?.slice(0, 20_000) ?? null,
          author: read.author ?? null,
          language: read.language ?? null,
          link: read.link ?? null,
          image: read.image ?? null,
          categories: read.categories,
          url: read.url,
          urls: [...new Set([...feed.urls, ...read.urls])],
        })
        .where("key", "=", settled)
        .execute();
      await notePoll(
        tx,
        settled,
        {
          changed: fresh.length > 0 || firstTime,
          etag: collected.state?.etag,
          lastModified: collected.state?.lastModified,
          ttlMinutes: read.ttl_minutes,
        },
        shortest,
      );
    });
    logger.info({ feed: settled, episodes: collected.episodes.length, fresh: fresh.length }, "feed polled");
    return { result: { episodes: collected.episodes.length, fresh: fresh.length } };
  },
};

function retryAfterOf(error: AppError): number | undefined {
  const cause = error instanceof HttpError ? error : error.cause;
  const ms = cause instanceof HttpError ? cause.retryAfterMs : undefined;
  return ms === undefined ? undefined : ms / 1000;
}
