import { type ImportedSegment, tidy } from "./imported.ts";

const PREFIX = /^\s*(?:>>\s*)?([\p{L}][\p{L}\p{M}\p{N}.'’\- ]{0,39}?)\s*:\s+(?=\S)/u;

/**
 * Takes "Alice: …" at the start of segments for a speaker where it is one: names come back, a sentence with a colon
 * does not. A segment without a prefix belongs to whoever spoke last when `carry` is set.
 */
export function splitSpeakerPrefixes(segments: readonly ImportedSegment[], carry: boolean): ImportedSegment[] {
  const counts = new Map<string, number>();
  let candidates = 0;
  for (const { text, speaker } of segments) {
    const name = speaker === undefined ? PREFIX.exec(text)?.[1] : undefined;
    if (name === undefined || !looksLikeName(name)) continue;
    candidates++;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const common = candidates >= segments.length / 2;
  let last: string | undefined;
  return segments.map((segment) => {
    if (segment.speaker !== undefined) {
      last = segment.speaker;
      return segment;
    }
    const match = PREFIX.exec(segment.text);
    const name = match?.[1];
    if (match && name !== undefined && looksLikeName(name) && (common || (counts.get(name) ?? 0) > 1)) {
      last = tidy(name);
      return { ...segment, speaker: last, text: segment.text.slice(match[0].length) };
    }
    return carry && last !== undefined ? { ...segment, speaker: last } : segment;
  });
}

/** One to four words, the first in capitals or from a script without them: "Dr. Elena Fischer", "Speaker 1", "Ведущий". */
function looksLikeName(text: string): boolean {
  const words = text.trim().split(/\s+/);
  if (words.length > 4) return false;
  return words.every(
    (word) =>
      /^(?:\p{Lu}|\p{Lo}|\p{N})/u.test(word) || /^(?:de|van|von|der|den|da|di|la|le|el|al|bin|of|the)$/u.test(word),
  );
}
