/** Words that carry no topic in English; a query of nothing else is searched as it is. */
const STOP = new Set(
  (
    "a about after all also am an and any are as at be because been before being but by can could did do does for from had has have he her his " +
    "how i if in into is it its just like me more most my no not of on one only or our out over said say she should so some such than that the " +
    "their them then there these they this to too up us very was we were what when where which who why will with would you your"
  ).split(" "),
);

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Text as the lexical index sees it: words of scripts without spaces are set apart. */
export function searchable(text: string): string {
  if (!UNSPACED.test(text)) return text;
  return [...segmenter.segment(text)].map((part) => part.segment).join(" ");
}

/** Words of a query, in order, without those that say nothing. */
export function queryTerms(query: string): string[] {
  const words =
    searchable(query)
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const telling = words.filter((word) => !STOP.has(word));
  return [...new Set(telling.length > 0 ? telling : words)].slice(0, 32);
}

/** FTS5 expression that matches any, or all, of the words. A query is data: each word is quoted. */
export function matchExpression(terms: readonly string[], join: "OR" | "AND" = "OR"): string {
  return terms.map((term) => `"${term.replaceAll('"', '""')}"`).join(` ${join} `);
}

/** Code-point ranges of `text` that a query word, or a form of it, covers. */
export function highlights(text: string, terms: readonly string[]): [number, number][] {
  const stems = terms.map(stemOf);
  const ranges: [number, number][] = [];
  let point = 0;
  let last = 0;
  for (const match of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    point += [...text.slice(last, match.index)].length;
    const length = [...match[0]].length;
    const word = match[0].toLowerCase();
    if (stems.some((stem) => (UNSPACED.test(stem) ? word.includes(stem) : stemOf(word) === stem)))
      ranges.push([point, point + length]);
    point += length;
    last = match.index + match[0].length;
  }
  return ranges;
}

function stemOf(word: string): string {
  return word.length > 4 ? word.replace(/(?:ing|ed|es|s|ly)$/u, "") : word;
}
