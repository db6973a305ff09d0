import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import sirv from "sirv";

/** Serves a folder as a podcast host does: Range, ETag, types; on loopback only. */
export async function serveFolder(folder: string, port: number): Promise<Server> {
  const files = sirv(folder, { etag: true, dev: true });
  const server = createServer((request, response) =>
    files(request, response, () => void response.writeHead(404).end("Not found")),
  );
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Folder of the sample feeds. */
export const SAMPLE_FEEDS = join(import.meta.dirname, "feeds");
/** Fixed, so that the addresses of the samples are the same in every run. */
export const SAMPLE_PORT = 18_137;
