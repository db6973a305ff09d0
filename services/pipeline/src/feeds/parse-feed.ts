import { AppError } from "@podcast/base";
import { type PersonTag, pointCount } from "@podcast/corpus";
import { parseFeed as parseAnyFeed } from "feedsmith";
import type { z } from "zod";
import { plainText } from "../text/html.ts";
import { decodeXml } from "./decode-text.ts";

type Person = z.infer<typeof PersonTag>;

export interface FeedItem {
  guid: string;
  title: string;
  description?: string;
  link?: string;
  /** ISO 8601, or absent where the feed gives no date that can be read. */
  published?: string;
  enclosure?: { url: string; type?: string; bytes?: number };
  transcripts: { url: string; type: string; language?: string; rel?: string }[];
  chaptersUrl?: string;
  soundbites: { startMs: number; durationMs: number; title?: string }[];
  people: Person[];
  season?: number;
  number?: number;
  type?: string;
  explicit?: boolean;
  image?: string;
  durationMs?: number;
}

export interface FeedDocument {
  title: string;
  description?: string;
  link?: string;
  language?: string;
  author?: string;
  owner?: string;
  image?: string;
  guid?: string;
  newUrl?: string;
  nextUrl?: string;
  ttlMinutes?: number;
  categories: string[];
  people: Person[];
  items: FeedItem[];
}

/** The loose shapes that feedsmith returns for the formats; all of it is untrusted. */
interface Loose {
  [key: string]: unknown;
}

/**
 * Reads RSS 2.0 (1.0, 0.9x), Atom or JSON Feed with their iTunes and Podcasting 2.0 parts.
 * Throws FEED_NOT_XML for pages that are no feed, FEED_DOCTYPE for documents that declare entities, FEED_INVALID.
 */
export function parseFeed(bytes: Uint8Array, baseUrl: string, contentType?: string): FeedDocument {
  const text = decodeXml(bytes, contentType)
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (text === "") throw new AppError("FEED_INVALID", `${baseUrl} is empty.`);
  if (/^<!doctype\s+html|^<html/i.test(text)) {
    throw new AppError("FEED_NOT_XML", `${baseUrl} is a web page, not a feed.`, {
      hint: "Look for the address of its RSS feed.",
    });
  }
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text.slice(0, 65_536).replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>/g, ""))) {
    throw new AppError(
      "FEED_DOCTYPE",
      `${baseUrl} declares a document type; such feeds are refused, they can be made to expand without end.`,
    );
  }
  let format: string;
  let feed: Loose;
  try {
    const parsed = parseAnyFeed(text);
    format = parsed.format;
    feed = parsed.feed as Loose;
  } catch (error) {
    const kind = text.startsWith("<") ? "FEED_INVALID" : "FEED_NOT_XML";
    throw new AppError(kind, `${baseUrl} cannot be read as a feed: ${(error as Error).message}`, { cause: error });
  }
  return format === "atom"
    ? readAtom(feed, baseUrl)
    : format === "json"
      ? readJsonFeed(feed, baseUrl)
      : readRss(feed, baseUrl);
}

function readRss(feed: Loose, base: string): FeedDocument {
  const itunes = table(feed.itunes);
  const podcast = table(feed.podcast);
  return {
    title: clean(feed.title ?? itunes.title) ?? "Untitled podcast",
    ...optional("description", describe(feed.description ?? itunes.summary)),
    ...optional("link", link(feed.link, base)),
    ...optional("language", clean(feed.language)?.toLowerCase()),
    ...optional("author", clean(itunes.author ?? feed.managingEditor)),
    ...optional("owner", clean(table(itunes.owner).name)),
    ...optional("image", link(itunes.image ?? table(feed.image).url, base)),
    ...optional("guid", clean(podcast.guid)),
    ...optional("newUrl", link(itunes.newFeedUrl, base)),
    ...optional("nextUrl", nextLink(table(feed.atom).links, base)),
    ...optional("ttlMinutes", count(feed.ttl)),
    categories: items(itunes.categories ?? feed.categories).flatMap(
      (one) => clean(table(one).text ?? table(one).name) ?? [],
    ),
    people: readPeople(podcast.persons),
    items: distinct(items(feed.items).map((item) => readRssItem(table(item), base))),
  };
}

function readRssItem(item: Loose, base: string): FeedItem {
  const itunes = table(item.itunes);
  const podcast = table(item.podcast);
  const enclosure = pickEnclosure(items(item.enclosures), base);
  const title = clean(item.title ?? itunes.title) ?? "Untitled episode";
  const published = date(item.pubDate ?? table(item.dc).date);
  const guid = clean(typeof item.guid === "object" ? table(item.guid).value : item.guid);
  return {
    guid: guid ?? enclosure?.url ?? clean(item.link) ?? `${title} ${published ?? ""}`.trim(),
    title,
    ...optional("description", describe(longest(item.description, table(item.content).encoded, itunes.summary))),
    ...optional("link", link(item.link, base)),
    ...optional("published", published),
    ...optional("enclosure", enclosure),
    transcripts: items(podcast.transcripts).flatMap((one) => readTranscriptLink(table(one), base)),
    ...optional("chaptersUrl", link(table(podcast.chapters).url, base)),
    soundbites: items(podcast.soundbites).flatMap((one) => readSoundbite(table(one))),
    people: readPeople(podcast.persons),
    ...optional("season", count(itunes.season ?? table(podcast.season).number)),
    ...optional("number", count(itunes.episode ?? table(podcast.episode).number)),
    ...optional("type", clean(itunes.episodeType)),
    ...optional("explicit", typeof itunes.explicit === "boolean" ? itunes.explicit : undefined),
    ...optional("image", link(itunes.image, base)),
    ...optional("durationMs", milliseconds(itunes.duration)),
  };
}

function readAtom(feed: Loose, base: string): FeedDocument {
  const itunes = table(feed.itunes);
  const podcast = table(feed.podcast);
  return {
    title: clean(plain(feed.title)) ?? "Untitled podcast",
    ...optional("description", describe(plain(feed.subtitle))),
    ...optional("link", relLink(feed.links, "alternate", base)),
    ...optional("author", clean(itunes.author ?? table(items(feed.authors)[0]).name)),
    ...optional("image", link(itunes.image ?? feed.logo ?? feed.icon, base)),
    ...optional("guid", clean(podcast.guid)),
    ...optional("newUrl", link(itunes.newFeedUrl, base)),
    ...optional("nextUrl", nextLink(feed.links, base)),
    categories: items(feed.categories).flatMap((one) => clean(table(one).label ?? table(one).term) ?? []),
    people: readPeople(podcast.persons),
    items: distinct(items(feed.entries).map((entry) => readAtomEntry(table(entry), base))),
  };
}

function readAtomEntry(entry: Loose, base: string): FeedItem {
  const links = items(entry.links).map(table);
  const enclosure = pickEnclosure(
    links
      .filter((one) => one.rel === "enclosure")
      .map((one) => ({ url: one.href, type: one.type, length: one.length })),
    base,
  );
  const rss = readRssItem(
    {
      ...entry,
      title: plain(entry.title),
      description: plain(entry.summary) ?? plain(entry.content),
      guid: entry.id,
      pubDate: entry.published ?? entry.updated,
    },
    base,
  );
  const page = relLink(entry.links, "alternate", base);
  return {
    ...rss,
    ...optional("enclosure", enclosure),
    ...optional("link", page),
    guid: clean(entry.id) ?? enclosure?.url ?? rss.guid,
  };
}

function readJsonFeed(feed: Loose, base: string): FeedDocument {
  return {
    title: clean(feed.title) ?? "Untitled podcast",
    ...optional("description", describe(feed.description)),
    ...optional("link", link(feed.home_page_url, base)),
    ...optional("language", clean(feed.language)),
    ...optional("author", clean(table(items(feed.authors)[0]).name)),
    ...optional("image", link(feed.icon, base)),
    ...optional("nextUrl", link(feed.next_url, base)),
    categories: [],
    people: [],
    items: distinct(
      items(feed.items).map((raw) => {
        const item = table(raw);
        const attachments = items(item.attachments).map(table);
        return readRssItem(
          {
            title: item.title,
            description: item.content_html ?? item.content_text ?? item.summary,
            guid: item.id,
            link: item.url,
            pubDate: item.date_published,
            enclosures: attachments.map((one) => ({ url: one.url, type: one.mime_type, length: one.size_in_bytes })),
            itunes: { duration: attachments[0]?.duration_in_seconds },
          },
          base,
        );
      }),
    ),
  };
}

/** Two items with one guid are two episodes, unless they are the same item twice. */
function distinct(list: FeedItem[]): FeedItem[] {
  const seen = new Map<string, FeedItem>();
  for (const item of list) {
    const twin = seen.get(item.guid);
    if (twin && twin.enclosure?.url === item.enclosure?.url && twin.title === item.title) continue;
    const guid = twin ? `${item.guid}#${item.enclosure?.url ?? item.title}` : item.guid;
    if (!seen.has(guid)) seen.set(guid, { ...item, guid });
  }
  return [...seen.values()];
}

function pickEnclosure(raw: unknown[], base: string): FeedItem["enclosure"] {
  const all = raw.map(table).flatMap((one) => {
    const url = link(one.url, base);
    return url === undefined
      ? []
      : [
          {
            url,
            ...optional("type", clean(one.type)?.toLowerCase()),
            ...optional("bytes", count(one.length) || undefined),
          },
        ];
  });
  const rank = (type: string | undefined) => (type?.startsWith("audio/") ? 0 : type?.startsWith("video/") ? 1 : 2);
  return all.sort((a, b) => rank(a.type) - rank(b.type))[0];
}

function readTranscriptLink(raw: Loose, base: string): FeedItem["transcripts"] {
  const url = link(raw.url, base);
  if (url === undefined) return [];
  return [
    {
      url,
      type: clean(raw.type)?.toLowerCase() ?? "",
      ...optional("language", clean(raw.language)),
      ...optional("rel", clean(raw.rel)),
    },
  ];
}

function readSoundbite(raw: Loose): FeedItem["soundbites"] {
  const startMs = milliseconds(raw.startTime);
  const durationMs = milliseconds(raw.duration);
  if (startMs === undefined || durationMs === undefined) return [];
  return [{ startMs, durationMs, ...optional("title", clean(raw.display)) }];
}

function readPeople(raw: unknown): Person[] {
  return items(raw).flatMap((one) => {
    const person = table(one);
    const name = clean(person.display ?? person.name);
    if (name === undefined) return [];
    return [
      {
        name,
        ...optional("role", clean(person.role)?.toLowerCase()),
        ...optional("group", clean(person.group)?.toLowerCase()),
        ...optional("href", clean(person.href)),
        ...optional("img", clean(person.img)),
      },
    ];
  });
}

function relLink(links: unknown, rel: string, base: string): string | undefined {
  const found = items(links)
    .map(table)
    .find((one) => (one.rel ?? "alternate") === rel);
  return link(found?.href, base);
}

function nextLink(links: unknown, base: string): string | undefined {
  const found = items(links)
    .map(table)
    .find((one) => one.rel === "next");
  return link(found?.href, base);
}

function table(value: unknown): Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
}

function items(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Atom text constructs are strings or tables with a value. */
function plain(value: unknown): unknown {
  return typeof value === "object" && value !== null ? table(value).value : value;
}

/** One line of text without control characters, or undefined when nothing is left. */
function clean(value: unknown): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const text = String(value)
    .toWellFormed()
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return text === "" ? undefined : pointCount(text) > 2000 ? [...text].slice(0, 2000).join("") : text;
}

function describe(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = plainText(value).toWellFormed().trim();
  return text === "" ? undefined : text.slice(0, 20_000);
}

function longest(...values: unknown[]): string | undefined {
  return values.filter((value) => typeof value === "string").sort((a, b) => b.length - a.length)[0];
}

function link(value: unknown, base: string): string | undefined {
  const text = clean(value);
  if (text === undefined) return undefined;
  try {
    return new URL(text, base).href;
  } catch {
    return undefined;
  }
}

function date(value: unknown): string | undefined {
  const time = Date.parse(clean(value)?.replace(/^\w{3,9},\s*/, "") ?? "");
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

function count(value: unknown): number | undefined {
  const number = Number(value);
  return value === undefined || value === null || !Number.isFinite(number) || number < 0
    ? undefined
    : Math.floor(number);
}

function milliseconds(value: unknown): number | undefined {
  const seconds = Number(value);
  return value === undefined || value === null || !Number.isFinite(seconds) || seconds < 0 || seconds > 1e6
    ? undefined
    : Math.round(seconds * 1000);
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
