import { sha256 } from "@podcast/base";

const SLUG_POINTS = 48;

/** A readable, path-safe form of a title in any script: letters and digits joined by "-"; may be empty. */
export function slugify(title: string, maxPoints = SLUG_POINTS): string {
  const words =
    title
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}][\p{L}\p{M}\p{N}]*/gu) ?? [];
  let slug = "";
  for (const word of words) {
    const next = slug === "" ? word : `${slug}-${word}`;
    if ([...next].length > maxPoints) break;
    slug = next;
  }
  if (slug === "" && words[0] !== undefined) slug = [...words[0]].slice(0, maxPoints).join("");
  // File names are limited in bytes, and some scripts need three of them for a letter.
  while (Buffer.byteLength(slug) > 160) slug = [...slug].slice(0, -1).join("");
  return slug.normalize("NFC");
}

/** Key of a feed: slug of its title and a hash of its identity (`podcast:guid`, else the first-seen address). */
export function feedKey(title: string, identity: string): string {
  return join(slugify(title) || "feed", identity);
}

/** Key of an episode: slug of its title and a hash of feed identity and guid (ADR-007). */
export function episodeKey(title: string, feedIdentity: string, guid: string): string {
  return join(slugify(title) || "episode", `${feedIdentity}\u0000${guid}`);
}

function join(slug: string, identity: string): string {
  return `${slug}-${sha256(identity).slice(0, 10)}`;
}

/** Id of a graph node from a name: `person:maya-koster`. Falls back to a hash where a name has no letters. */
export function nodeId(kind: string, name: string): string {
  return `${kind}:${slugify(name, 80) || sha256(name).slice(0, 12)}`;
}

/** A short id that depends on its content alone. */
export function contentId(content: string): string {
  return sha256(content).slice(0, 16);
}
