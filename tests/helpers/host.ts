import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { extname } from "node:path";

const TYPES: Record<string, string> = {
  ".xml": "application/rss+xml",
  ".mp3": "audio/mpeg",
  ".vtt": "text/vtt",
  ".srt": "application/x-subrip",
  ".json": "application/json",
  ".png": "image/png",
};

/** A podcast host whose answers a test holds in its hand: files, failures, and downloads that wait half-way. */
export class PodcastHost {
  readonly #server: Server;
  readonly #files = new Map<string, Buffer>();
  readonly #waiting: { response: ServerResponse; rest: Buffer }[] = [];
  /** Paths that answer 503. */
  readonly broken = new Set<string>();
  /** Paths whose second half waits for `release`. */
  readonly held = new Set<string>();
  address = "";

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<PodcastHost> {
    const server = createServer();
    const host = new PodcastHost(server);
    server.on("request", (request, response) =>
      host.#answer(new URL(request.url ?? "/", "http://h").pathname, response),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    host.address = `127.0.0.1:${(server.address() as { port: number }).port}`;
    return host;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  put(path: string, body: string | Buffer): void {
    this.#files.set(path, Buffer.from(body));
  }

  putFile(path: string, file: string): void {
    this.put(path, readFileSync(file));
  }

  #answer(path: string, response: ServerResponse): void {
    const body = this.#files.get(path);
    if (this.broken.has(path)) return void response.writeHead(503).end("not now");
    if (body === undefined) return void response.writeHead(404).end("not here");
    response.writeHead(200, {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      "content-length": body.length,
    });
    if (!this.held.has(path)) return void response.end(body);
    const half = Math.floor(body.length / 2);
    response.write(body.subarray(0, half));
    this.#waiting.push({ response, rest: body.subarray(half) });
  }

  /** Lets go of every download that waits. */
  release(): void {
    this.held.clear();
    for (const { response, rest } of this.#waiting.splice(0)) response.end(rest);
  }

  async close(): Promise<void> {
    this.release();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** RSS of one show; every text is put in as it is, escaped. */
export function rss(show: {
  title: string;
  description?: string;
  image?: string;
  items: {
    guid: string;
    title: string;
    description?: string;
    audio: string;
    transcript?: { url: string; type: string };
    date?: string;
  }[];
}): string {
  const safe = (text: string) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  return `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel>
<title>${safe(show.title)}</title><description>${safe(show.description ?? "")}</description><language>en</language>
${show.image ? `<itunes:image href="${safe(show.image)}"/>` : ""}
${show.items
  .map(
    (item) => `<item><title>${safe(item.title)}</title><guid isPermaLink="false">${safe(item.guid)}</guid>
<description>${safe(item.description ?? "")}</description><pubDate>${item.date ?? "Fri, 02 Oct 2026 06:00:00 GMT"}</pubDate>
<enclosure url="${safe(item.audio)}" length="1000" type="audio/mpeg"/>
${item.transcript ? `<podcast:transcript url="${safe(item.transcript.url)}" type="${item.transcript.type}"/>` : ""}</item>`,
  )
  .join("\n")}
</channel></rss>`;
}
