import { stat } from "node:fs/promises";
import { type Corpus, type Episode, type EpisodeRef, type EpisodeRows, type Feed, rowsOf } from "@podcast/corpus";
import { decodeCursor, encodeCursor, type Principal } from "@podcast/platform";
import type {
  EpisodeItem,
  EpisodeQuery,
  Facets,
  FeedItem,
  GraphQuery,
  InsightItem,
  InsightQuery,
  Library,
  Neighbourhood,
  Page,
  PageQuery,
} from "./library.ts";

interface Held {
  modified: number;
  metadata: Episode;
  rows: EpisodeRows | undefined;
  state: string;
}

const FRESH_MS = 2000;

/** A folder of files as a library for one person: read once, and again where a manifest changed. */
export class FileLibrary implements Library {
  readonly #corpus: Corpus;
  readonly #episodes = new Map<string, Held & { ref: EpisodeRef }>();
  #feeds = new Map<string, Feed>();
  #read = 0;
  #reading: Promise<void> | undefined;

  constructor(corpus: Corpus) {
    this.#corpus = corpus;
  }

  async #fresh(): Promise<void> {
    if (Date.now() - this.#read < FRESH_MS) return;
    this.#reading ??= this.#load().finally(() => {
      this.#reading = undefined;
      this.#read = Date.now();
    });
    await this.#reading;
  }

  async #load(): Promise<void> {
    this.#feeds = new Map((await this.#corpus.feeds()).map((feed) => [feed.key, feed]));
    const seen = new Set<string>();
    for (const ref of await this.#corpus.episodes()) {
      seen.add(ref.episode);
      const reader = this.#corpus.open(ref);
      const modified = (await stat(reader.files.manifest).catch(() => undefined))?.mtimeMs ?? 0;
      if (this.#episodes.get(ref.episode)?.modified === modified) continue;
      const metadata = await reader.metadata().catch(() => undefined);
      if (metadata === undefined) continue;
      const rows = await rowsOf(this.#corpus, ref).catch(() => undefined);
      const manifest = await reader.manifest().catch(() => undefined);
      const failed = Object.values(manifest?.stages ?? {}).some((stage) => stage.state === "failed");
      this.#episodes.set(ref.episode, {
        ref,
        modified,
        metadata,
        rows,
        state: failed ? "failed" : rows === undefined ? "pending" : "done",
      });
    }
    for (const key of this.#episodes.keys()) if (!seen.has(key)) this.#episodes.delete(key);
  }

  async feeds(_principal: Principal, query: PageQuery & { q?: string | undefined }): Promise<Page<FeedItem>> {
    await this.#fresh();
    const all = [...this.#feeds.values()]
      .filter((feed) => !query.q || feed.title.toLowerCase().includes(query.q.toLowerCase()))
      .map((feed) => this.#feedItem(feed))
      .sort((a, b) => compare([a.title.toLowerCase(), a.key], [b.title.toLowerCase(), b.key]));
    return page(all, query, ["string", "string"], (item) => [item.title.toLowerCase(), item.key]);
  }

  async feed(_principal: Principal, key: string): Promise<FeedItem | undefined> {
    await this.#fresh();
    const feed = this.#feeds.get(key);
    return feed && this.#feedItem(feed);
  }

  async episodes(_principal: Principal, query: EpisodeQuery): Promise<Page<EpisodeItem>> {
    await this.#fresh();
    const all = [...this.#episodes.values()]
      .map((held) => this.#episodeItem(held))
      .filter(
        (item) =>
          (!query.feed || item.feed === query.feed) &&
          (!query.state || item.state === query.state) &&
          (!query.q || item.title.toLowerCase().includes(query.q.toLowerCase())) &&
          (!query.since || item.published >= query.since) &&
          (!query.until || item.published <= query.until) &&
          !query.label,
      )
      .sort((a, b) => compare([b.published, b.key], [a.published, a.key]));
    return page(all, query, ["date", "string"], (item) => [item.published, item.key]);
  }

  async episode(_principal: Principal, key: string): Promise<EpisodeItem | undefined> {
    await this.#fresh();
    const held = this.#episodes.get(key);
    return held && this.#episodeItem(held);
  }

  async readable(): Promise<undefined> {
    return undefined;
  }

  async insights(_principal: Principal, query: InsightQuery): Promise<Page<InsightItem>> {
    await this.#fresh();
    const all: InsightItem[] = [];
    for (const { metadata, rows } of this.#episodes.values()) {
      if (rows === undefined || (query.feed && metadata.feed_key !== query.feed)) continue;
      if (query.episode && metadata.key !== query.episode) continue;
      const quotes = new Map(rows.quotes.map((quote) => [quote.id, quote]));
      for (const insight of rows.insights) {
        if (query.type && insight.type !== query.type) continue;
        if (query.topic && insight.topic?.toLowerCase() !== query.topic.toLowerCase()) continue;
        if (query.speaker && insight.speaker?.toLowerCase() !== query.speaker.toLowerCase()) continue;
        const { rank: _rank, ...shown } = insight;
        all.push({
          ...shown,
          episode: metadata.key,
          episode_title: metadata.title,
          feed: metadata.feed_key,
          feed_title: metadata.feed_title,
          published: metadata.published ?? EPOCH,
          quotes: rows.support
            .filter((pair) => pair.insight_id === insight.id)
            .flatMap((pair) => quotes.get(pair.quote_id) ?? [])
            .map(({ id: _id, ...quote }) => quote),
        });
      }
    }
    all.sort((a, b) => b.salience - a.salience || compare([a.episode, a.id], [b.episode, b.id]));
    return page(all, query, ["number", "string", "string"], (item) => [item.salience, item.episode, item.id]);
  }

  async facets(_principal: Principal, query: { feed?: string | undefined }): Promise<Facets> {
    await this.#fresh();
    const held = [...this.#episodes.values()].filter(({ metadata }) => !query.feed || metadata.feed_key === query.feed);
    const insights = held.flatMap(({ rows }) => rows?.insights ?? []);
    const by = (column: "topic" | "speaker" | "type") => {
      const groups = Map.groupBy(
        insights.flatMap((insight) => insight[column] ?? []),
        (value) => value.toLowerCase(),
      );
      return [...groups.values()]
        .map((own) => ({ value: own[0] as string, insights: own.length }))
        .sort((a, b) => b.insights - a.insights || a.value.localeCompare(b.value))
        .slice(0, 100);
    };
    return { topics: by("topic"), speakers: by("speaker"), types: by("type") };
  }

  async graph(_principal: Principal, query: GraphQuery): Promise<Neighbourhood> {
    await this.#fresh();
    const nodes = new Map<string, Neighbourhood["nodes"][number]>();
    const edges = new Map<string, Neighbourhood["edges"][number]>();
    const near = new Map<string, Set<string>>();
    for (const { rows } of this.#episodes.values()) {
      for (const { id, type, label } of rows?.nodes ?? []) {
        const held = nodes.get(id);
        nodes.set(id, { id, type, label: held?.label ?? label, episodes: (held?.episodes ?? 0) + 1 });
      }
      for (const { type, source, target } of rows?.edges ?? []) {
        const key = `${type} ${source} ${target}`;
        edges.set(key, { type, source, target, weight: (edges.get(key)?.weight ?? 0) + 1 });
        near.set(source, (near.get(source) ?? new Set()).add(target));
        near.set(target, (near.get(target) ?? new Set()).add(source));
      }
    }
    let chosen: string[];
    if (query.node === undefined) {
      chosen = [...nodes.values()]
        .filter(
          (node) =>
            (query.type
              ? node.type.toLowerCase() === query.type.toLowerCase()
              : !["Episode", "Podcast"].includes(node.type)) &&
            (!query.q || node.label.toLowerCase().includes(query.q.toLowerCase())),
        )
        .sort((a, b) => b.episodes - a.episodes || a.id.localeCompare(b.id))
        .map((node) => node.id);
    } else {
      const reached = new Set(nodes.has(query.node) ? [query.node] : []);
      for (let depth = 0; depth < query.depth; depth++)
        for (const id of [...reached]) for (const other of near.get(id) ?? []) reached.add(other);
      chosen = [...reached];
    }
    const kept = new Set(chosen.slice(0, query.limit));
    return {
      nodes: [...kept].flatMap((id) => nodes.get(id) ?? []),
      edges: [...edges.values()].filter((edge) => kept.has(edge.source) && kept.has(edge.target)).slice(0, 5000),
      truncated: chosen.length > query.limit,
    };
  }

  #feedItem(feed: Feed): FeedItem {
    const own = [...this.#episodes.values()].filter((held) => held.metadata.feed_key === feed.key);
    return {
      key: feed.key,
      title: feed.title,
      url: feed.url,
      description: feed.description ?? null,
      author: feed.author ?? null,
      language: feed.language ?? null,
      link: feed.link ?? null,
      cover: feed.image === undefined ? null : `/api/feeds/${encodeURIComponent(feed.key)}/cover`,
      categories: feed.categories,
      episodes: own.length,
      done: own.filter((held) => held.state === "done").length,
      subscribed: true,
      enabled_for_all: true,
      last_polled_at: null,
      next_poll_at: null,
      error: null,
    };
  }

  #episodeItem({ metadata, rows, state }: Held): EpisodeItem {
    const image = metadata.image ?? this.#feeds.get(metadata.feed_key)?.image;
    return {
      key: metadata.key,
      feed: metadata.feed_key,
      feed_title: metadata.feed_title,
      title: metadata.title,
      description: metadata.description ?? null,
      published: metadata.published ?? EPOCH,
      duration_ms: rows?.durationMs ?? metadata.declared_duration_ms ?? null,
      link: metadata.link ?? null,
      cover: image === undefined ? null : `/api/feeds/${encodeURIComponent(metadata.feed_key)}/cover`,
      state,
      stage: null,
      progress: null,
      flags: rows?.flags ?? [],
      error: null,
      next_retry_at: null,
      labels: [],
      insights: rows?.insights.length ?? 0,
    };
  }
}

const EPOCH = new Date(0).toISOString();

function compare(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i] as string | number, b[i] as string | number];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function page<T>(
  sorted: readonly T[],
  query: PageQuery,
  shape: readonly ("string" | "number" | "date")[],
  keyOf: (item: T) => (string | number)[],
): Page<T> {
  let start = 0;
  if (query.cursor) {
    const cursor = decodeCursor(query.cursor, shape);
    start = sorted.findIndex((item) => JSON.stringify(keyOf(item)) === JSON.stringify(cursor)) + 1;
  }
  const items = sorted.slice(start, start + query.limit);
  const last = items.at(-1);
  return { items, next_cursor: start + query.limit < sorted.length && last ? encodeCursor(keyOf(last)) : null };
}
