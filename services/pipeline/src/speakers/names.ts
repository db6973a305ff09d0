import type { Episode } from "@podcast/corpus";
import { STOPWORDS, wordsOf } from "../text/words.ts";

const NOT_NAMES = new Set(
  (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december god jesus ok okay " +
    "host guest guests speaker today welcome thanks thank hello sorry sure yeah yes well happy glad great good excited here there what how why when where who this that sponsor sponsors ad advert"
  ).split(" "),
);

/** A name that a person could have: capitals, no function words, no digits. */
export function isPersonName(text: string): boolean {
  const words = text.trim().split(/\s+/);
  if (words.length > 5 || !/^[\p{Lu}\p{Lo}]/u.test(text) || /[\d@/:]/.test(text)) return false;
  if (/^(?:speaker|voice|spk|host|guest)[ _-]?\w{0,3}$/i.test(text)) return false;
  return words.every((word) => {
    const lower = word.toLowerCase().replace(/[.,'’]+/g, "");
    if (/^(?:de|van|von|der|den|da|di|la|le|el|al|bin|dr|prof|mr|mrs|ms|sir)$/.test(lower)) return true;
    return /^[\p{Lu}\p{Lo}]/u.test(word) && !NOT_NAMES.has(lower) && !(STOPWORDS.has(lower) && words.length === 1);
  });
}

/** Names that title, description, author and tags hold: not evidence that somebody speaks, but how to spell who does. */
export function metadataNames(episode: Episode): string[] {
  const names = [...episode.people, ...episode.feed_people].map((person) => person.name);
  for (const name of (episode.feed_author ?? "").split(/\s*(?:,|&|\band\b)\s*/))
    if (isPersonName(name)) names.push(name);
  const pattern =
    /(?:(?:Dr|Prof|Mr|Mrs|Ms|Sir)\. )?\p{Lu}[\p{L}\p{M}'’-]+(?: (?:(?:de|van|von|der|den|da|di|la|le|el|al|bin) )?\p{Lu}[\p{L}\p{M}'’-]+){1,3}/gu;
  for (const source of [episode.description ?? "", episode.title]) {
    for (const [match] of source.slice(0, 4000).matchAll(pattern)) {
      // "SRE Priya Nair": what she is, then who.
      const name = match.replace(/^(?:\p{Lu}{2,5} )+(?=\S+ \S)/u, "");
      if (isPersonName(name)) names.push(name);
    }
  }
  return [...new Set(names)];
}

/** The spelling of the feed where it sounds like what was heard: "Sophie Laronne" → "Sophie Laurent". */
export function asSpelt(heard: string, known: readonly string[]): string {
  const words = wordsOf(heard);
  let best = heard;
  let bestScore = 0.66;
  for (const name of known) {
    if (wordsOf(name).length < words.length - 1) continue;
    const target = wordsOf(name);
    const [heardAsOne, asOne] = [words.join(""), target.join("")];
    // Two names may be heard as one word ("Prioner" for "Priya Nair"): then only the consonants can tell.
    const score =
      target.length === words.length || words.length > 1
        ? soundsLike(heardAsOne, asOne)
        : sameFrame(heardAsOne, asOne)
          ? 0.75
          : 0;
    // One word is heard: it may be the first of a name whose rest was garbled or left out.
    const first =
      words.length === 1 &&
      target.length > 1 &&
      likeness(soundOf(words[0] as string), soundOf(target[0] as string)) > 0.85
        ? 0.7
        : 0;
    if (Math.max(score, first) > bestScore) {
      bestScore = Math.max(score, first);
      best = name;
    }
  }
  return best;
}

/** Letters as they roughly sound, so that spellings of one name come close. */
function soundOf(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/ph/g, "f")
    .replace(/c(?=[eiy])/g, "s")
    .replace(/ck|c|q/g, "k")
    .replace(/sh|sch/g, "s")
    .replace(/z/g, "s")
    .replace(/y/g, "i")
    .replace(/w/g, "v")
    .replace(/h/g, "")
    .replace(/(.)\1+/g, "$1");
}

function soundsLike(heard: string, name: string): number {
  return Math.max(likeness(soundOf(heard), soundOf(name)), sameFrame(heard, name) ? 0.75 : 0);
}

/** Vowels are what decoders get wrong first: one frame of at least four consonants is nearly the same name. */
function sameFrame(heard: string, name: string): boolean {
  const [a, b] = [soundOf(heard), soundOf(name)];
  const frame = (text: string) => text.replace(/[aeiou]/g, "");
  return frame(a).length >= 4 && frame(a) === frame(b) && a[0] === b[0];
}

/** 1 minus the edit distance over the longer length. */
function likeness(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0] as number;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] as number;
      row[j] = Math.min(above + 1, (row[j - 1] as number) + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1));
      diagonal = above;
    }
  }
  return 1 - (row[b.length] as number) / Math.max(1, a.length, b.length);
}
