/** English function words and the fillers of talk: they carry no topic. */
export const STOPWORDS: ReadonlySet<string> = new Set(
  (
    "a about above across actually after again against all almost along already also although always am among an and another any anybody anyone anything anyway are around as at " +
    "away back be became because become becomes been before behind being below best better between both but by came can cannot come comes could course did do does doing done down " +
    "during each either else enough even ever every everybody everyone everything exactly few first for from fully get gets getting give given go goes going gone gonna good got great " +
    "had has have having he her here hers herself hey hi him himself his how however i if in instead into is isn it its itself just keep kind know last least less let like likely little long " +
    "look looking lot lots made make makes making many may maybe me mean means might mine more most mostly much must my myself need never new next no nobody none nor not nothing now " +
    "of off often oh ok okay on once one ones only onto or other others our ours out over own part people per perhaps put quite rather re really right said same saw say saying says " +
    "see seem seems seen several shall she should show since so some somebody someone something sometimes somewhere soon sort still stuff such sure take taken takes talk talking tell than " +
    "thank thanks that the their theirs them themselves then there therefore these they thing things think this those though three through thus time times to today together too took toward " +
    "tried try trying two under until up upon us use used using usually very via wanna want wants was way ways we well went were what whatever when where whether which while who whole " +
    "whom whose why will with within without won would wouldn yeah year years yes yet you your yours yourself ve ll don didn doesn aren wasn weren hasn haven couldn shouldn ain em im youre thats dont"
  ).split(" "),
);

/** Words of a text in lower case, apostrophes inside kept. */
export function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replace(/[’‘]/g, "'")
      .match(/[\p{L}\p{M}\p{N}]+(?:'[\p{L}]+)?/gu) ?? []
  ).map((word) => word.replace(/'s$/, ""));
}

/** Words that carry meaning, in a rough stem: "trails" and "trail" are one. */
export function contentStems(text: string): string[] {
  return wordsOf(text)
    .filter((word) => word.length > 2 && !STOPWORDS.has(word.replace(/'.*$/, "")))
    .map(stem);
}

/** Plural and verb endings off: enough to merge the forms of one word in English; other scripts pass unchanged. */
export function stem(word: string): string {
  if (!/^[a-z']+$/.test(word) || word.length < 5)
    return word.length === 4 && /[^su]s$/.test(word) ? word.slice(0, -1) : word;
  const bare = word
    .replace(/'s$/, "")
    .replace(/(ss|us|is)$/, "$1!")
    .replace(/ies$/, "y")
    .replace(/(s|x|z|ch|sh)es$/, "$1")
    .replace(/s$/, "")
    .replace(/!$/, "");
  const cut = bare.replace(/(?:ing|ed)$/, "");
  if (cut === bare || cut.length < 3 || !/[aeiouy]/.test(cut)) return bare;
  return cut.replace(/([bdfgklmnprt])\1$/, "$1").replace(/([^aeiou][aeiou][bcdgklmnprstvz])$/, "$1");
}
