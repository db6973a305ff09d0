import type { Principal } from "@podcast/platform";
import { z } from "zod";

/** Shapes that the library answers with. */
export const FeedItem = z.object({
  key: z.string(),
  title: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  author: z.string().nullable(),
  language: z.string().nullable(),
  link: z.string().nullable(),
  /** Address of the cover at this API; null where the feed has none. */
  cover: z.string().nullable(),
  categories: z.array(z.string()),
  episodes: z.number().int(),
  done: z.number().int(),
  subscribed: z.boolean(),
  enabled_for_all: z.boolean(),
  last_polled_at: z.string().nullable(),
  next_poll_at: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type FeedItem = z.infer<typeof FeedItem>;

export const EpisodeItem = z.object({
  key: z.string(),
  feed: z.string(),
  feed_title: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  published: z.string(),
  duration_ms: z.number().nullable(),
  link: z.string().nullable(),
  cover: z.string().nullable(),
  state: z.string(),
  stage: z.string().nullable(),
  progress: z.number().nullable(),
  flags: z.array(z.string()),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  next_retry_at: z.string().nullable(),
  labels: z.array(z.string()),
  insights: z.number().int(),
});
export type EpisodeItem = z.infer<typeof EpisodeItem>;

export const InsightItem = z.object({
  id: z.string(),
  episode: z.string(),
  episode_title: z.string(),
  feed: z.string(),
  feed_title: z.string(),
  published: z.string(),
  text: z.string(),
  type: z.string(),
  salience: z.number(),
  topic: z.string().nullable(),
  speaker: z.string().nullable(),
  grounded: z.boolean(),
  quotes: z.array(
    z.object({
      text: z.string(),
      speaker: z.string().nullable(),
      start_ms: z.number(),
      end_ms: z.number(),
      char_start: z.number(),
      char_end: z.number(),
    }),
  ),
});
export type InsightItem = z.infer<typeof InsightItem>;

export const GraphNodeItem = z.object({
  id: z.string(),
  type: z.string(),
  label: z.string(),
  /** Episodes that the node is in. */
  episodes: z.number().int(),
});
export const GraphEdgeItem = z.object({
  type: z.string(),
  source: z.string(),
  target: z.string(),
  weight: z.number(),
});
export const Neighbourhood = z.object({
  nodes: z.array(GraphNodeItem),
  edges: z.array(GraphEdgeItem),
  truncated: z.boolean(),
});
export type Neighbourhood = z.infer<typeof Neighbourhood>;
export type GraphNodeItem = z.infer<typeof GraphNodeItem>;
export type GraphEdgeItem = z.infer<typeof GraphEdgeItem>;

/** Values that insights can be narrowed by, most frequent first. */
export const Facets = z.object({
  topics: z.array(z.object({ value: z.string(), insights: z.number().int() })),
  speakers: z.array(z.object({ value: z.string(), insights: z.number().int() })),
  types: z.array(z.object({ value: z.string(), insights: z.number().int() })),
});
export type Facets = z.infer<typeof Facets>;

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}

export interface PageQuery {
  cursor?: string | undefined;
  limit: number;
}

export interface EpisodeQuery extends PageQuery {
  feed?: string | undefined;
  state?: string | undefined;
  label?: string | undefined;
  q?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

export interface InsightQuery extends PageQuery {
  feed?: string | undefined;
  episode?: string | undefined;
  topic?: string | undefined;
  speaker?: string | undefined;
  type?: string | undefined;
}

export interface GraphQuery {
  node?: string | undefined;
  depth: number;
  type?: string | undefined;
  q?: string | undefined;
  limit: number;
}

/** What somebody may read; from Postgres, or from a folder of files. */
export interface Library {
  feeds(principal: Principal, query: PageQuery & { q?: string | undefined }): Promise<Page<FeedItem>>;
  feed(principal: Principal, key: string): Promise<FeedItem | undefined>;
  episodes(principal: Principal, query: EpisodeQuery): Promise<Page<EpisodeItem>>;
  episode(principal: Principal, key: string): Promise<EpisodeItem | undefined>;
  /** Feeds that the principal may read; undefined for all. */
  readable(principal: Principal): Promise<ReadonlySet<string> | undefined>;
  insights(principal: Principal, query: InsightQuery): Promise<Page<InsightItem>>;
  facets(principal: Principal, query: { feed?: string | undefined }): Promise<Facets>;
  graph(principal: Principal, query: GraphQuery): Promise<Neighbourhood>;
}
