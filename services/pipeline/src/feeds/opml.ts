import { opmlFeeds } from "@podcast/corpus";
import { decodeXml } from "./decode-text.ts";

/** Feed addresses of an OPML file in whatever encoding. Throws OPML_INVALID. */
export function readOpml(bytes: Uint8Array): string[] {
  return opmlFeeds(decodeXml(bytes, undefined));
}
