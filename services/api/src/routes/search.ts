import { AppError } from "@podcast/base";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";
import { Facets, InsightItem, Neighbourhood, pageOf } from "../library/library.ts";
import { PageParameters, When } from "./library.ts";

const Hit = z.object({
  score: z.number(),
  feed: z.string(),
  feed_title: z.string(),
  episode: z.string(),
  title: z.string(),
  published: z.string(),
  kind: z.string(),
  speaker: z.string().optional(),
  start_ms: z.number(),
  end_ms: z.number(),
  char_start: z.number(),
  char_end: z.number(),
  text: z.string(),
  context: z.object({ before: z.string(), after: z.string() }),
  highlights: z.array(z.tuple([z.number(), z.number()])),
  ranks: z.object({ words: z.number().optional(), meaning: z.number().optional() }),
});

/** Search, insights across episodes, and the graph. */
export function searchRoutes(api: Api, { library, search }: ApiContext): void {
  const tags = ["Search"];
  api.get(
    "/api/search",
    {
      schema: {
        tags,
        summary: "Hybrid search: words and meaning",
        querystring: z.object({
          q: z.string().trim().min(1).max(500),
          limit: z.coerce.number().int().min(1).max(100).default(20),
          feed: z.string().max(300).optional(),
          episode: z.string().max(300).optional(),
          speaker: z.string().max(200).optional(),
          kind: z.enum(["transcript", "insight", "summary"]).optional(),
          since: When.optional(),
          until: When.optional(),
        }),
        response: {
          200: z.object({ query: z.string(), semantic: z.boolean(), took_ms: z.number(), hits: z.array(Hit) }),
        },
      },
    },
    async (request) => {
      const { q, limit, ...filters } = request.query;
      const started = performance.now();
      const readable = await library.readable(request.principal);
      if (readable !== undefined && filters.feed !== undefined && !readable.has(filters.feed))
        throw new AppError("NOT_FOUND", "There is no such feed.");
      try {
        const feeds = readable === undefined || filters.feed !== undefined ? undefined : [...readable];
        const { hits, semantic } = await search.search(q, { limit, ...filters, ...(feeds ? { feeds } : {}) });
        return { query: q, semantic, took_ms: Math.round((performance.now() - started) * 10) / 10, hits };
      } catch (error) {
        // Before the first episode is done nothing is found; that is no fault.
        if (error instanceof AppError && error.code === "INDEX_MISSING")
          return { query: q, semantic: false, took_ms: 0, hits: [] };
        throw error;
      }
    },
  );
  api.get(
    "/api/insights",
    {
      schema: {
        tags,
        summary: "Insights across episodes, most salient first",
        querystring: PageParameters.extend({
          feed: z.string().max(300).optional(),
          episode: z.string().max(300).optional(),
          topic: z.string().max(200).optional(),
          speaker: z.string().max(200).optional(),
          type: z.enum(["claim", "recommendation", "observation", "question", "unknown"]).optional(),
        }),
        response: { 200: pageOf(InsightItem) },
      },
    },
    (request) => library.insights(request.principal, request.query),
  );
  api.get(
    "/api/insights/facets",
    {
      schema: {
        tags,
        summary: "Topics, speakers and types of insights, most frequent first",
        querystring: z.object({ feed: z.string().max(300).optional() }),
        response: { 200: Facets },
      },
    },
    (request) => library.facets(request.principal, request.query),
  );
  api.get(
    "/api/graph",
    {
      schema: {
        tags,
        summary: "The neighbourhood of a node, or the most connected nodes",
        querystring: z.object({
          node: z.string().max(400).optional(),
          depth: z.coerce.number().int().min(1).max(3).default(1),
          type: z.string().max(40).optional(),
          q: z.string().trim().max(200).optional(),
          limit: z.coerce.number().int().min(1).max(2000).default(200),
        }),
        response: { 200: Neighbourhood },
      },
    },
    (request) => library.graph(request.principal, request.query),
  );
  api.get(
    "/api/index/stats",
    {
      schema: {
        tags,
        summary: "The search index",
        response: {
          200: z.object({
            generation: z.string().nullable(),
            backend: z.string().nullable(),
            model: z.string().nullable(),
            episodes: z.number().int(),
            chunks: z.number().int(),
            semantic: z.boolean(),
          }),
        },
      },
    },
    async () => {
      const searcher = await search.searcher().catch((error) => {
        if (error instanceof AppError && error.code === "INDEX_MISSING") return undefined;
        throw error;
      });
      return {
        generation: searcher?.info.id ?? null,
        backend: searcher?.info.backend ?? null,
        model: searcher?.info.model ?? null,
        episodes: searcher?.info.episodes ?? 0,
        chunks: searcher?.info.chunks ?? 0,
        semantic: searcher?.semantic ?? false,
      };
    },
  );
}
