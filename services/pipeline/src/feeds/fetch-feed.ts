import { AppError, type Config, type HttpClient, HttpError, withRetries } from "@podcast/base";
import { type FeedDocument, parseFeed } from "./parse-feed.ts";

/** What is remembered of the last reading. */
export interface FeedState {
  etag?: string | undefined;
  lastModified?: string | undefined;
}

export interface FetchedFeed {
  /** Address to use from now on: permanent redirects and `itunes:new-feed-url` followed. */
  url: string;
  /** Absent when the host says that nothing changed. */
  document?: FeedDocument;
  etag?: string;
  lastModified?: string;
}

type FeedSettings = Pick<Config, "feeds.maxBytes" | "feeds.maxPages" | "download.retries">;

/** Reads a feed with all its pages; a conditional GET when its state is known. Follows a feed that has moved once. */
export async function fetchFeed(
  http: HttpClient,
  address: string,
  config: FeedSettings,
  state: FeedState = {},
  signal?: AbortSignal,
): Promise<FetchedFeed> {
  const first = await readPage(http, address, config, state, signal);
  if (first.document === undefined) return first;
  const { newUrl } = first.document;
  if (newUrl !== undefined && newUrl !== first.url && newUrl !== address) {
    const moved = await readPage(http, newUrl, config, {}, signal).catch(() => undefined);
    if (moved?.document) return withPages(http, moved, config, signal);
  }
  return withPages(http, first, config, signal);
}

async function withPages(
  http: HttpClient,
  first: FetchedFeed,
  config: FeedSettings,
  signal: AbortSignal | undefined,
): Promise<FetchedFeed> {
  const document = first.document as FeedDocument;
  const seen = new Set([first.url]);
  const guids = new Set(document.items.map((item) => item.guid));
  const items = [...document.items];
  let next = document.nextUrl;
  while (next !== undefined && !seen.has(next) && seen.size < config["feeds.maxPages"]) {
    seen.add(next);
    const page: FetchedFeed = await readPage(http, next, config, {}, signal);
    for (const item of page.document?.items ?? []) {
      if (guids.has(item.guid)) continue;
      guids.add(item.guid);
      items.push(item);
    }
    next = page.document?.nextUrl;
  }
  return { ...first, document: { ...document, items } };
}

async function readPage(
  http: HttpClient,
  url: string,
  config: FeedSettings,
  state: FeedState,
  signal: AbortSignal | undefined,
): Promise<FetchedFeed> {
  const headers: Record<string, string> = {
    accept: "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5",
  };
  if (state.etag) headers["if-none-match"] = state.etag;
  if (state.lastModified) headers["if-modified-since"] = state.lastModified;
  try {
    return await withRetries(
      async () => {
        const response = await http.get(url, { headers, signal, totalMs: 120_000 });
        const lasting = response.permanentUrl ?? url;
        if (response.status === 304) {
          await response.discard();
          return { url: lasting };
        }
        const bytes = await response.bytes(config["feeds.maxBytes"]);
        const document = parseFeed(bytes, response.url, response.headers.get("content-type") ?? undefined);
        const etag = response.headers.get("etag");
        const modified = response.headers.get("last-modified");
        return { url: lasting, document, ...(etag ? { etag } : {}), ...(modified ? { lastModified: modified } : {}) };
      },
      { retries: config["download.retries"], signal },
    );
  } catch (error) {
    throw feedError(url, error);
  }
}

function feedError(url: string, error: unknown): unknown {
  if (!(error instanceof HttpError)) return error;
  if (error.status === 404 || error.status === 410) {
    return new AppError("FEED_NOT_FOUND", `There is no feed at ${url} (${error.status}).`, {
      hint: "Check the address; the show may have moved.",
      cause: error,
    });
  }
  if (error.code === "HTTP_TOO_LARGE") {
    return new AppError("FEED_TOO_LARGE", `${url}: ${error.message}`, {
      hint: "feeds.maxBytes sets the bound.",
      cause: error,
    });
  }
  return error;
}
