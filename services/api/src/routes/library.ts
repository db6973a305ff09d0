import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { AppError } from "@podcast/base";
import { Cuts, StageRecord, Summary, Transcript } from "@podcast/corpus";
import { STAGE_NAMES } from "@podcast/pipeline/plan";
import type { Principal } from "@podcast/platform";
import { z } from "zod";
import type { Api, ApiContext } from "../context.ts";
import { coverOf } from "../covers.ts";
import { EpisodeItem, FeedItem, pageOf } from "../library/library.ts";

export const Key = z.object({ key: z.string().min(1).max(300) });
export const PageParameters = z.object({
  cursor: z.string().max(2000).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const When = z.iso.datetime({ offset: true }).or(z.iso.date());
const Text = z.string().trim().max(200).optional();

/** Feeds and episodes, and what was made of them. */
export function libraryRoutes(api: Api, context: ApiContext): void {
  const { library, corpus } = context;
  const tags = ["Library"];

  api.get(
    "/api/feeds",
    {
      schema: {
        tags,
        summary: "Feeds",
        querystring: PageParameters.extend({ q: Text }),
        response: { 200: pageOf(FeedItem) },
      },
    },
    (request) => library.feeds(request.principal, request.query),
  );
  api.get(
    "/api/feeds/:key",
    { schema: { tags, summary: "One feed", params: Key, response: { 200: FeedItem } } },
    async (request) => found(await library.feed(request.principal, request.params.key), "feed"),
  );
  api.get(
    "/api/feeds/:key/cover",
    { schema: { tags, summary: "Cover of a feed, fetched and kept by us", params: Key } },
    async (request, reply) => {
      const feed = found(await library.feed(request.principal, request.params.key), "feed");
      const cover = await coverOf(context, feed.key);
      return reply
        .type(cover.type)
        .header("cache-control", "private, max-age=86400")
        .header("content-security-policy", "default-src 'none'; sandbox")
        .send(cover.bytes);
    },
  );
  api.get(
    "/api/episodes",
    {
      schema: {
        tags,
        summary: "Episodes, newest first",
        querystring: PageParameters.extend({
          feed: z.string().max(300).optional(),
          state: z.string().max(20).optional(),
          label: z.string().max(100).optional(),
          q: Text,
          since: When.optional(),
          until: When.optional(),
        }),
        response: { 200: pageOf(EpisodeItem) },
      },
    },
    (request) => library.episodes(request.principal, request.query),
  );
  api.get(
    "/api/episodes/:key",
    { schema: { tags, summary: "One episode", params: Key, response: { 200: EpisodeItem } } },
    async (request) => found(await library.episode(request.principal, request.params.key), "episode"),
  );

  const open = async (principal: Principal, key: string) => {
    const episode = found(await library.episode(principal, key), "episode");
    return { episode, reader: corpus.open({ feed: episode.feed, episode: episode.key }) };
  };
  api.get(
    "/api/episodes/:key/transcript",
    {
      schema: {
        tags,
        summary: "Transcript with times, speakers and adverts; as JSON, WebVTT or plain text",
        params: Key,
        querystring: z.object({
          format: z.enum(["json", "vtt", "txt", "md"]).default("json"),
          /** Words with their own times make most of the answer. */
          words: z.enum(["true", "false"]).default("true"),
        }),
        response: { 200: Transcript.extend({ cuts: Cuts.shape.cuts }).or(z.string()) },
      },
    },
    async (request, reply) => {
      const { episode, reader } = await open(request.principal, request.params.key);
      const { format } = request.query;
      if (format === "vtt" || format === "txt") {
        const text = await readFile(reader.files.file(`transcript.${format}`), "utf8").catch(() => undefined);
        return reply
          .type(format === "vtt" ? "text/vtt; charset=utf-8" : "text/plain; charset=utf-8")
          .header("content-disposition", attachment(`${episode.key}.${format}`))
          .serializer((body: unknown) => String(body))
          .send(found(text, "transcript"));
      }
      const transcript = found(await reader.transcript(), "transcript");
      if (format === "md")
        return reply
          .type("text/markdown; charset=utf-8")
          .header("content-disposition", attachment(`${episode.key}.md`))
          .serializer((body: unknown) => String(body))
          .send(asMarkdown(episode, transcript, await reader.summary()));
      if (request.query.words === "false") for (const segment of transcript.segments) delete segment.words;
      return { ...transcript, cuts: (await reader.cuts())?.cuts ?? [] };
    },
  );
  api.get(
    "/api/episodes/:key/summary",
    { schema: { tags, summary: "Summary", params: Key, response: { 200: Summary } } },
    async (request) => found(await (await open(request.principal, request.params.key)).reader.summary(), "summary"),
  );
  const Stage = StageRecord.pick({ duration_s: true, attempts: true, flags: true, started: true }).extend({
    name: z.string(),
    state: z.enum(["done", "skipped", "failed", "pending"]),
    cost_usd: z.number().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  });
  api.get(
    "/api/episodes/:key/stages",
    {
      schema: {
        tags,
        summary: "Each stage of an episode: what it took, what it noted",
        params: Key,
        response: { 200: z.object({ fingerprint: z.string().nullable(), stages: z.array(Stage) }) },
      },
    },
    async (request) => {
      const manifest = await (await open(request.principal, request.params.key)).reader.manifest();
      return {
        fingerprint: manifest?.fingerprint ?? null,
        stages: STAGE_NAMES.map((name) => {
          const record = manifest?.stages[name];
          return {
            name,
            state: record?.state ?? ("pending" as const),
            started: record?.started ?? "",
            duration_s: record?.duration_s ?? 0,
            attempts: record?.attempts ?? 0,
            flags: record?.flags ?? [],
            cost_usd: record?.cost_usd ?? null,
            error: record?.error ?? null,
          };
        }),
      };
    },
  );
  const Graph = z.object({
    schema_version: z.string(),
    episode_id: z.string(),
    nodes: z.array(z.record(z.string(), z.unknown())),
    edges: z.array(z.record(z.string(), z.unknown())),
  });
  api.get(
    "/api/episodes/:key/insights",
    { schema: { tags, summary: "Grounded insights (gi.json)", params: Key, response: { 200: Graph } } },
    async (request) =>
      found(await (await open(request.principal, request.params.key)).reader.gi(), "insights") as unknown as z.infer<
        typeof Graph
      >,
  );
  api.get(
    "/api/episodes/:key/graph",
    { schema: { tags, summary: "Knowledge graph (kg.json)", params: Key, response: { 200: Graph } } },
    async (request) =>
      found(await (await open(request.principal, request.params.key)).reader.kg(), "graph") as unknown as z.infer<
        typeof Graph
      >,
  );
  api.get(
    "/api/episodes/:key/audio",
    { schema: { tags, summary: "Audio, with Range: ours where it is kept, else the host's", params: Key } },
    async (request, reply) => {
      const { reader } = await open(request.principal, request.params.key);
      const out = reply as unknown as Reply;
      const names = await readdir(reader.files.mediaDir).catch(() => [] as string[]);
      const name = names.find((one) => /^audio\.(?!wav$|part)/.test(one) || one === "audio");
      if (name !== undefined) return sendFile(request.headers, out, join(reader.files.mediaDir, name), mimeOf(name));
      const metadata = await reader.metadata();
      const url = metadata?.enclosure?.url;
      if (url === undefined) throw new AppError("NOT_FOUND", "This episode has no audio.");
      return relayAudio(context, request.headers, out, url);
    },
  );
}

export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new AppError("NOT_FOUND", `There is no such ${what}.`);
  return value;
}

function attachment(name: string): string {
  return `attachment; filename*=UTF-8''${encodeURIComponent(name)}`;
}

const TYPES: Record<string, string> = {
  mp3: "audio/mpeg",
  m4a: "audio/mp4",
  ogg: "audio/ogg",
  opus: "audio/ogg",
  wav: "audio/wav",
  flac: "audio/flac",
  aac: "audio/aac",
};

function mimeOf(name: string): string {
  return TYPES[name.split(".").at(-1) ?? ""] ?? "audio/mpeg";
}

/** What these two need of a request and a reply, whatever the route's types are. */
interface Headers {
  range?: string | undefined;
  "if-range"?: string | undefined;
}
interface Reply {
  code(status: number): Reply;
  header(name: string, value: string | number): Reply;
  type(type: string): Reply;
  send(payload: unknown): unknown;
}

/** One file with Range (RFC 9110, 14): a part, the whole, or 416. */
async function sendFile(headers: Headers, reply: Reply, path: string, type: string): Promise<unknown> {
  const { size, mtimeMs } = await stat(path);
  const etag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
  reply
    .header("accept-ranges", "bytes")
    .header("etag", etag)
    .type(type)
    .header("cache-control", "private, max-age=3600");
  const conditional = headers["if-range"];
  const range = conditional === undefined || conditional === etag ? rangeOf(headers.range, size) : undefined;
  if (range === "unsatisfiable") return reply.code(416).header("content-range", `bytes */${size}`).send("");
  if (range === undefined) return reply.header("content-length", size).send(createReadStream(path));
  return reply
    .code(206)
    .header("content-range", `bytes ${range.start}-${range.end}/${size}`)
    .header("content-length", range.end - range.start + 1)
    .send(createReadStream(path, range));
}

export function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(size - 1, Number(match[2]));
  return start > end || start >= size ? "unsatisfiable" : { start, end };
}

/** Passes the host's audio on: the listener's browser talks to us alone. Private addresses stay closed. */
async function relayAudio(context: ApiContext, { range }: Headers, reply: Reply, url: string): Promise<unknown> {
  const response = await context.http.get(url, {
    headers: range === undefined ? {} : { range },
    totalMs: 3_600_000,
  });
  const pass = (name: string) => {
    const value = response.headers.get(name);
    if (value !== null) reply.header(name, value);
  };
  for (const name of ["content-length", "content-range", "accept-ranges"]) pass(name);
  const type = response.headers.get("content-type") ?? "";
  // A host that knows no ranges: a player could not seek. What comes before the range is read and let go.
  const size = Number(response.headers.get("content-length"));
  const part = response.status === 200 && size > 0 ? rangeOf(range, size) : undefined;
  const whole = typeof part !== "object";
  if (size > 0) reply.header("accept-ranges", "bytes");
  if (!whole)
    reply
      .header("content-range", `bytes ${part.start}-${part.end}/${size}`)
      .header("content-length", part.end - part.start + 1);
  return reply
    .code(whole ? response.status : 206)
    .type(/^(?:audio|video)\/[\w.+-]+/.exec(type)?.[0] ?? "audio/mpeg")
    .header("content-security-policy", "default-src 'none'; sandbox")
    .send(Readable.from(whole ? response.body : slice(response.body, part.start, part.end)));
}

/** Bytes `start` to `end`, both included, of a stream. */
async function* slice(body: AsyncIterable<Uint8Array>, start: number, end: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const block of body) {
    const from = Math.max(0, start - at);
    const to = Math.min(block.length, end + 1 - at);
    at += block.length;
    if (to > from) yield block.subarray(from, to);
    if (at > end) return;
  }
}

function asMarkdown(episode: EpisodeItem, transcript: Transcript, summary: Summary | undefined): string {
  const safe = (text: string) => text.replace(/[\\`*_[\]<>#|]/g, "\\$&");
  const names = new Map(transcript.voices.map((voice) => [voice.id, voice.name ?? voice.id]));
  const lines = [
    `# ${safe(episode.title)}`,
    "",
    `*${safe(episode.feed_title)}, ${episode.published.slice(0, 10)}*`,
    "",
  ];
  if (summary) lines.push(safe(summary.paragraph), "", ...summary.bullets.map((bullet) => `- ${safe(bullet)}`), "");
  let last = "";
  for (const segment of transcript.segments) {
    const name = names.get(segment.speaker) ?? segment.speaker;
    if (name !== last) lines.push("", `**${safe(name)}** (${clock(segment.start_ms)})`, "");
    last = name;
    lines.push(safe(segment.text));
  }
  return `${lines.join("\n")}\n`;
}

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
