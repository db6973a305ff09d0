import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import {
  AppError,
  type Config,
  commitFile,
  type HttpClient,
  HttpError,
  readJson,
  removeQuietly,
  sha256File,
  withRetries,
  writeJson,
} from "@podcast/base";
import type { Media } from "@podcast/corpus";
import { fileTypeFromFile } from "file-type";

type DownloadSettings = Pick<Config, "download.maxBytes" | "download.timeoutS" | "download.retries">;

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  onProgress?: (received: number, total: number | undefined) => void;
  onRetry?: (error: Error) => void;
}

/** What a partial file is a part of: without it, the part is worthless. */
interface PartState {
  url: string;
  validator: string | undefined;
}

/**
 * Fetches an audio file into `folder` as `audio.<extension>`. A part that an earlier try left is continued when the
 * host confirms that it is of the same file. Throws MEDIA_NOT_FOUND, MEDIA_EMPTY, MEDIA_NOT_AUDIO, HTTP_*.
 */
export async function downloadMedia(
  http: HttpClient,
  url: string,
  folder: string,
  config: DownloadSettings,
  options: DownloadOptions = {},
): Promise<Media> {
  await mkdir(folder, { recursive: true });
  const part = join(folder, "download.part");
  let finalUrl = url;
  try {
    finalUrl = await withRetries(() => transfer(http, url, part, config, options), {
      retries: config["download.retries"],
      signal: options.signal,
      ...(options.onRetry ? { onRetry: options.onRetry } : {}),
    });
  } catch (error) {
    if (error instanceof HttpError && (error.status === 404 || error.status === 410)) {
      throw new AppError("MEDIA_NOT_FOUND", `The host has no audio at ${url} (${error.status}).`, { cause: error });
    }
    throw error;
  }
  const { mime, extension } = await sniff(part, url);
  const file = `audio.${extension}`;
  const sha256 = await sha256File(part);
  const { size } = await stat(part);
  for (const old of await readdir(folder)) if (/^audio\.(?!wav$)/.test(old)) await removeQuietly(join(folder, old));
  await commitFile(part, join(folder, file));
  await removeQuietly(`${part}.json`);
  return { schema: 1, url, final_url: finalUrl, file, bytes: size, sha256, mime };
}

async function transfer(
  http: HttpClient,
  url: string,
  part: string,
  config: DownloadSettings,
  options: DownloadOptions,
): Promise<string> {
  const state = await readJson<PartState>(`${part}.json`).catch(() => undefined);
  const have = state?.url === url && state.validator ? await size(part) : 0;
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (have > 0) Object.assign(headers, { range: `bytes=${have}-`, "if-range": state?.validator as string });
  const response = await http.get(url, {
    headers,
    signal: options.signal,
    totalMs: config["download.timeoutS"] * 1000,
  });
  if (response.status === 416) {
    await response.discard();
    await removeQuietly(part);
    throw new HttpError("HTTP_SERVER", `${url} could not be continued where it broke off.`, { status: 416 });
  }
  const offset = response.status === 206 ? rangeStart(response.headers.get("content-range")) : 0;
  const resumed = offset > 0 && offset === have;
  if (response.status === 206 && !resumed) {
    await response.discard();
    await removeQuietly(part);
    throw new HttpError("HTTP_SERVER", `${url} answered with another range than was asked for.`, { status: 206 });
  }
  const announced = Number(response.headers.get("content-length") ?? Number.NaN);
  const total =
    Number.isFinite(announced) && response.headers.get("content-encoding") === null ? offset + announced : undefined;
  if ((total ?? 0) > config["download.maxBytes"]) {
    await response.discard();
    throw new HttpError(
      "HTTP_TOO_LARGE",
      `${url} is ${total} bytes; download.maxBytes is ${config["download.maxBytes"]}.`,
    );
  }
  const validator = strongValidator(response.headers);
  await writeJson(`${part}.json`, { url, validator } satisfies PartState);
  const out = createWriteStream(part, { flags: resumed ? "a" : "w" });
  let received = resumed ? have : 0;
  try {
    for await (const block of response.body) {
      received += block.byteLength;
      if (received > config["download.maxBytes"])
        throw new HttpError(
          "HTTP_TOO_LARGE",
          `${url} is larger than download.maxBytes (${config["download.maxBytes"]}).`,
        );
      if (!out.write(block)) await once(out, "drain");
      options.onProgress?.(received, total);
    }
  } finally {
    out.end();
    await finished(out).catch(() => {});
  }
  if (total !== undefined && received < total)
    throw new HttpError("HTTP_NETWORK", `${url} broke off after ${received} of ${total} bytes.`);
  if (received === 0) throw new AppError("MEDIA_EMPTY", `The file at ${url} is empty.`);
  return response.url;
}

/** A validator that If-Range accepts: a strong ETag or a date (RFC 9110, 13.1.5). */
function strongValidator(headers: Headers): string | undefined {
  const etag = headers.get("etag");
  if (etag !== null && !etag.startsWith("W/")) return etag;
  return headers.get("last-modified") ?? undefined;
}

function rangeStart(header: string | null): number {
  return Number(/^bytes (\d+)-/.exec(header ?? "")?.[1] ?? 0);
}

async function size(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** What the bytes are, whatever the host calls them. */
async function sniff(path: string, url: string): Promise<{ mime: string; extension: string }> {
  const type = await fileTypeFromFile(path);
  if (type !== undefined && /^(?:audio|video)\//.test(type.mime)) return { mime: type.mime, extension: type.ext };
  if (type?.mime === "application/ogg" || type?.ext === "asf") return { mime: type.mime, extension: type.ext };
  const handle = await open(path);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0).finally(() => handle.close());
  const head = buffer.subarray(0, bytesRead).toString("latin1").trimStart();
  if (type !== undefined || /^<(?:!doctype|html|\?xml|head|body)/i.test(head) || /^[{[]\s*"/.test(head)) {
    const what = type?.mime ?? (head.startsWith("<") ? "a web page" : "a text");
    await rename(path, `${path}.refused`).then(() => removeQuietly(`${path}.refused`));
    throw new AppError("MEDIA_NOT_AUDIO", `The file at ${url} is ${what}, not audio.`);
  }
  // Bare MPEG frames after junk, raw AAC and the like have no signature; ffmpeg decides.
  const extension = /\.([a-z0-9]{2,4})$/i.exec(new URL(url).pathname)?.[1]?.toLowerCase() ?? "bin";
  return { mime: "application/octet-stream", extension: extension === "wav" ? "bin" : extension };
}
