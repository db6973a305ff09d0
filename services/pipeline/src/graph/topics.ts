import { contentStems, STOPWORDS, stem, wordsOf } from "../text/words.ts";

/** True for words that are no topic by themselves, nor the end of one. */
export function isWeak(word: string): boolean {
  return WEAK.has(word);
}

export interface Topic {
  label: string;
  /** Other forms that were said. */
  aliases: string[];
  weight: number;
  /** Statements that speak of it, as indexes. */
  statements: number[];
}

interface Phrase {
  label: string;
  key: string;
  forms: Map<string, number>;
  statements: Set<number>;
  words: number;
}

/** Words that end or begin no topic, though they carry meaning elsewhere. */
const WEAK = new Set(
  (
    "work works help helps start begin change changes improve improves keep point people person someone everyone example question answer idea ideas conversation episode podcast version " +
    "big small high low long short early late easy hard real true whole different same certain clear quick fast slow simple important obvious specific general common possible " +
    "always never ever really actually basically honestly literally simply quickly slowly probably especially " +
    "come came go went put set let run runs feel feels felt need needs move moves build builds built find finds found turn turns cause causes matter matters become stay stays"
  ).split(" "),
);

/**
 * Topics as noun-like phrases of one to three words: repeated, spread over the talk, with their forms merged; what a
 * longer phrase says as often takes the place of the shorter. Weighting after C-value (Frantzi, Ananiadou and Mima,
 * 2000): frequency by length, less what longer phrases account for. `titles` (episode, description) count extra.
 */
export function findTopics(
  statements: readonly string[],
  titles: readonly string[],
  exclude: ReadonlySet<string>,
  limit: number,
): Topic[] {
  const phrases = new Map<string, Phrase>();
  for (const [index, text] of statements.entries()) collect(text, index, phrases);
  const titleStems = new Set(titles.flatMap(contentStems));
  const list = [...phrases.values()].filter((phrase) => !phrase.label.split(" ").some((word) => exclude.has(word)));
  const scored = list.map((phrase) => {
    const inside = list.filter(
      (other) => other !== phrase && other.words > phrase.words && ` ${other.key} `.includes(` ${phrase.key} `),
    );
    const nested =
      inside.length === 0 ? 0 : inside.reduce((sum, other) => sum + other.statements.size, 0) / inside.length;
    const frequency = phrase.statements.size;
    const inTitle = phrase.key.split(" ").filter((part) => titleStems.has(part)).length / phrase.words;
    const weight =
      Math.log2(1.3 + phrase.words) *
      Math.max(0.2, frequency - nested) *
      (1 + inTitle) *
      (phrase.words === 1 ? 0.55 : 1);
    return { phrase, weight, frequency };
  });
  const chosen: Topic[] = [];
  for (const { phrase, weight, frequency } of scored.sort(
    (a, b) => b.weight - a.weight || (a.phrase.key < b.phrase.key ? -1 : 1),
  )) {
    if (chosen.length >= limit) break;
    if (frequency < 2 && phrase.words < 2) continue;
    const parts = new Set(phrase.key.split(" "));
    const twin = chosen.find((topic) => covers(new Set(contentStems(topic.label)), parts));
    if (twin) {
      if (!twin.aliases.includes(phrase.label) && twin.label !== phrase.label) twin.aliases.push(phrase.label);
      continue;
    }
    const forms = [...phrase.forms].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([form]) => form);
    chosen.push({
      label: forms[0] as string,
      aliases: forms.slice(1, 4),
      weight: Math.round(weight * 100) / 100,
      statements: [...phrase.statements],
    });
  }
  return chosen;
}

/** Topics of ideas first, then phrases that none of them covers. */
export function mergeTopics(first: readonly Topic[], rest: readonly Topic[], limit: number): Topic[] {
  const merged = first.slice(0, limit);
  for (const topic of rest) {
    if (merged.length >= limit) break;
    const parts = new Set(contentStems(topic.label));
    const twin = merged.find((one) => covers(new Set(contentStems(one.label)), parts));
    if (twin === undefined) merged.push(topic);
    else twin.statements = [...new Set([...twin.statements, ...topic.statements])];
  }
  return merged;
}

/** True when one holds most of the other: "trail drainage" and "drainage". */
function covers(a: Set<string>, b: Set<string>): boolean {
  let common = 0;
  for (const part of b) if (a.has(part)) common++;
  return common / Math.min(a.size, b.size) > 0.6;
}

function collect(text: string, index: number, phrases: Map<string, Phrase>): void {
  for (const clause of text.split(/[,.;:!?()"“”—–]|\s-\s/)) {
    let run: string[] = [];
    const flush = () => {
      for (let from = 0; from < run.length; from++) {
        for (let size = 1; size <= 3 && from + size <= run.length; size++)
          add(run.slice(from, from + size), index, phrases);
      }
      run = [];
    };
    for (const word of wordsOf(clause.replace(/[‑]/g, "-"))) {
      if (STOPWORDS.has(word.replace(/'.*$/, "")) || word.length < 3 || /^\p{N}+$/u.test(word)) flush();
      else run.push(word);
    }
    flush();
  }
}

function add(words: string[], index: number, phrases: Map<string, Phrase>): void {
  const first = words[0] as string;
  const last = words.at(-1) as string;
  if (WEAK.has(last) || (words.length > 1 && WEAK.has(first)) || (words.length > 1 && /ly$/.test(first))) return;
  // A verb form at the end of two words is a sentence, not a thing: "trail drains".
  if (words.length > 1 && /(?:ed)$/.test(last)) return;
  const key = words.map(stem).join(" ");
  const label = words.join(" ");
  const phrase = phrases.get(key) ?? { label, key, forms: new Map(), statements: new Set(), words: words.length };
  phrase.forms.set(label, (phrase.forms.get(label) ?? 0) + 1);
  phrase.statements.add(index);
  phrases.set(key, phrase);
}
