import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, sha256, toAppError, writeFileAtomic } from "@podcast/base";
import type { ApiContext } from "./context.ts";

const MAX_BYTES = 8 * 2 ** 20;
/** Picture formats by their first bytes: the host's word is not taken for it, and SVG (which can hold scripts) is none. */
const MAGIC: readonly [string, string][] = [
  ["ffd8ff", "image/jpeg"],
  ["89504e470d0a1a0a", "image/png"],
  ["47494638", "image/gif"],
];

export interface Cover {
  bytes: Buffer;
  type: string;
}

/** Cover of a feed: from our folder, else fetched once through the client for untrusted addresses. */
export async function coverOf(context: ApiContext, feedKey: string): Promise<Cover> {
  const feed = (await context.corpus.feeds()).find((one) => one.key === feedKey);
  if (feed?.image === undefined) throw new AppError("NOT_FOUND", "This feed has no cover.");
  const path = join(context.coverDir, sha256(feed.image).slice(0, 32));
  const kept = await readFile(path).catch(() => undefined);
  if (kept !== undefined) return typed(kept);
  let bytes: Buffer;
  try {
    const response = await context.http.get(new URL(feed.image, feed.url).href, { totalMs: 20_000 });
    bytes = Buffer.from(await response.bytes(MAX_BYTES));
  } catch (error) {
    throw new AppError("NOT_FOUND", `The cover cannot be fetched: ${toAppError(error).message}`, { cause: error });
  }
  const cover = typed(bytes);
  await writeFileAtomic(path, bytes);
  return cover;
}

function typed(bytes: Buffer): Cover {
  const head = bytes.subarray(0, 16).toString("hex");
  const webp = bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP";
  const type = webp ? "image/webp" : MAGIC.find(([magic]) => head.startsWith(magic))?.[1];
  if (type === undefined) throw new AppError("NOT_FOUND", "The cover is not a picture.");
  return { bytes, type };
}
