import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import {
  AppError,
  type Config,
  type FeedEntry,
  type HttpClient,
  sha256,
  toAppError,
  toJson,
  writeFileAtomic,
} from "@podcast/base";
import { Corpus, type Episode, episodeKey, type Feed, feedKey, type Layout } from "@podcast/corpus";
import { type FeedState, fetchFeed } from "../feeds/fetch-feed.ts";
import type { FeedDocument, FeedItem } from "../feeds/parse-feed.ts";
import { selectEpisodes } from "../feeds/select-episodes.ts";

/** A feed with the episodes that are to be processed, or the error that it ended with. */
export interface CollectedFeed {
  url: string;
  config: Config;
  feed?: Feed;
  episodes: Episode[];
  error?: AppError;
  /** The host says that nothing changed since the state that was given. */
  notModified?: boolean;
  /** What the next conditional reading has to name. */
  state?: FeedState;
}

/** Address → key of the feeds that the corpus knows: a feed that moved keeps its key. */
export type KnownFeeds = Map<string, Feed>;

/** Reads one feed, writes feed.json and the episode.json of selected episodes where they changed. Never throws. */
export async function collectFeed(
  entry: FeedEntry,
  base: Config,
  layout: Layout,
  known: KnownFeeds,
  http: HttpClient,
  signal: AbortSignal,
  state: FeedState = {},
): Promise<CollectedFeed> {
  const config: Config = { ...base, ...entry.overrides };
  const url = normalise(entry.url);
  try {
    const held = known.get(url);
    const fetched = await fetchFeed(http, url, config, state, signal);
    if (fetched.document === undefined && (state.etag || state.lastModified))
      return { url, config, episodes: [], notModified: true, state };
    if (fetched.document === undefined) throw new AppError("FEED_INVALID", `${url} answered without a feed.`);
    const feed = describeFeed(fetched.document, url, fetched, held ?? byGuid(known, fetched.document.guid));
    await writeIfChanged(layout.feedFile(feed.key), feed);
    const items = selectEpisodes(fetched.document.items, config);
    const episodes: Episode[] = [];
    for (const item of items) {
      const episode = await describeEpisode(item, feed, layout);
      await writeIfChanged(layout.episode(feed.key, episode.key).metadata, episode);
      episodes.push(episode);
    }
    return { url, config, feed, episodes, state: { etag: fetched.etag, lastModified: fetched.lastModified } };
  } catch (error) {
    if (signal.aborted) throw error;
    return { url, config, episodes: [], error: toAppError(error) };
  }
}

function normalise(url: string): string {
  const text = url
    .trim()
    .replace(/^feed:(?:\/\/)?(?=https?:)/i, "")
    .replace(/^feed:\/\//i, "http://");
  return /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `https://${text}`;
}

function byGuid(known: KnownFeeds, guid: string | undefined): Feed | undefined {
  return guid === undefined ? undefined : [...known.values()].find((feed) => feed.guid === guid);
}

function describeFeed(document: FeedDocument, url: string, fetched: { url: string }, held: Feed | undefined): Feed {
  const identity = held?.identity ?? document.guid ?? url;
  return {
    schema: 1,
    key: held?.key ?? feedKey(document.title, identity),
    identity,
    url: fetched.url,
    urls: [...new Set([...(held?.urls ?? []), url, fetched.url])],
    title: document.title,
    ...(document.description ? { description: document.description } : {}),
    ...(document.link ? { link: document.link } : {}),
    ...(document.language ? { language: document.language } : {}),
    ...(document.author ? { author: document.author } : {}),
    ...(document.owner ? { owner: document.owner } : {}),
    ...(document.image ? { image: document.image } : {}),
    categories: document.categories,
    people: document.people,
    ...(document.guid ? { guid: document.guid } : {}),
    ...(document.ttlMinutes === undefined ? {} : { ttl_minutes: document.ttlMinutes }),
  };
}

/** An episode keeps the key that its first title gave it: the folder is found by the hash of its identity. */
async function describeEpisode(item: FeedItem, feed: Feed, layout: Layout): Promise<Episode> {
  const fresh = episodeKey(item.title, feed.identity, item.guid);
  const key = existsSync(layout.episodeDir(feed.key, fresh)) ? fresh : ((await heldKey(fresh, feed, layout)) ?? fresh);
  return {
    schema: 1,
    key,
    feed_key: feed.key,
    feed_title: feed.title,
    ...(feed.author ? { feed_author: feed.author } : {}),
    guid: item.guid,
    title: item.title,
    ...(item.description ? { description: item.description } : {}),
    ...(item.link ? { link: item.link } : {}),
    ...(item.published ? { published: item.published } : {}),
    ...(item.season === undefined ? {} : { season: item.season }),
    ...(item.number === undefined ? {} : { number: item.number }),
    ...(item.type ? { type: item.type } : {}),
    ...(item.explicit === undefined ? {} : { explicit: item.explicit }),
    ...(item.image ? { image: item.image } : {}),
    ...(item.enclosure ? { enclosure: item.enclosure } : {}),
    transcripts: item.transcripts,
    ...(item.chaptersUrl ? { chapters_url: item.chaptersUrl } : {}),
    soundbites: item.soundbites.map((bite) => ({
      start_ms: bite.startMs,
      duration_ms: bite.durationMs,
      ...(bite.title ? { title: bite.title } : {}),
    })),
    people: item.people,
    feed_people: feed.people,
    ...(feed.language ? { language: feed.language } : {}),
    ...(item.durationMs === undefined ? {} : { declared_duration_ms: item.durationMs }),
  };
}

const listings = new Map<string, Map<string, string>>();

async function heldKey(fresh: string, feed: Feed, layout: Layout): Promise<string | undefined> {
  const folder = layout.episodesDir(feed.key);
  let byHash = listings.get(folder);
  if (byHash === undefined) {
    const names = await readdir(folder).catch(() => [] as string[]);
    byHash = new Map(names.map((name) => [name.slice(-10), name]));
    listings.set(folder, byHash);
  }
  return byHash.get(fresh.slice(-10));
}

/** Rewrites a JSON file only when its content is another: a second run changes no byte. */
async function writeIfChanged(path: string, value: unknown): Promise<void> {
  const text = toJson(value);
  const old = await readFile(path, "utf8").catch(() => undefined);
  if (old === undefined || sha256(old) !== sha256(text)) await writeFileAtomic(path, text);
}

/** Feeds of the corpus by every address that led to them. */
export async function knownFeeds(layout: Layout): Promise<KnownFeeds> {
  const known: KnownFeeds = new Map();
  for (const feed of await new Corpus(layout.root).feeds()) for (const url of feed.urls) known.set(url, feed);
  return known;
}
