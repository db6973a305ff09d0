import { digitise } from "./numbers.ts";

/**
 * English text as it is compared for word errors: a port of the rules of OpenAI's English text normaliser (the same
 * paper's appendix C), our own code. British spellings are mapped for the common families only; both sides go through
 * the same rules, so a word that no rule knows costs nothing unless the two sides spell it differently.
 */

const REPLACEMENTS: readonly [RegExp, string][] = [
  [/\bwon't\b/g, "will not"],
  [/\bcan't\b/g, "can not"],
  [/\blet's\b/g, "let us"],
  [/\bain't\b/g, "aint"],
  [/\by'all\b/g, "you all"],
  [/\bwanna\b/g, "want to"],
  [/\bgotta\b/g, "got to"],
  [/\bgonna\b/g, "going to"],
  [/\b(?:i'ma|imma)\b/g, "i am going to"],
  [/\bwoulda\b/g, "would have"],
  [/\bcoulda\b/g, "could have"],
  [/\bshoulda\b/g, "should have"],
  [/\bma'am\b/g, "madam"],
  ...Object.entries({
    mr: "mister",
    mrs: "missus",
    st: "saint",
    dr: "doctor",
    prof: "professor",
    capt: "captain",
    gov: "governor",
    ald: "alderman",
    gen: "general",
    sen: "senator",
    rep: "representative",
    pres: "president",
    rev: "reverend",
    hon: "honorable",
    asst: "assistant",
    assoc: "associate",
    lt: "lieutenant",
    col: "colonel",
    jr: "junior",
    sr: "senior",
    esq: "esquire",
  }).map(([short, long]): [RegExp, string] => [new RegExp(`\\b${short}\\b`, "g"), `${long} `]),
  [/'d been\b/g, " had been"],
  [/'s been\b/g, " has been"],
  [/'d gone\b/g, " had gone"],
  [/'s gone\b/g, " has gone"],
  [/'d done\b/g, " had done"],
  [/'s got\b/g, " has got"],
  [/n't\b/g, " not"],
  [/'re\b/g, " are"],
  [/'s\b/g, " is"],
  [/'d\b/g, " would"],
  [/'ll\b/g, " will"],
  [/'t\b/g, " not"],
  [/'ve\b/g, " have"],
  [/'m\b/g, " am"],
];

/** Families of British spellings: -our, -ise, -tre, -lled; each with the words that it holds for. */
const BRITISH: readonly [RegExp, string][] = [
  [
    /\b(behavi|col|fav|hon|lab|neighb|rum|hum|harb|flav|endeav|arm|vap|vig|rig|sav|glam|od|parl|ard)our(s|ed|ing|able|ite|ites|al|ful|ly|hood|hoods|er|ers|ist)?\b/g,
    "$1or$2",
  ],
  [
    /\b(organ|real|recogn|optim|priorit|summar|normal|categor|special|emphas|critic|apolog|util|general|standard|minim|maxim|modern|final|visual|local|central|formal|author|analog|capital|character|digit|energ|equal|hospital|ident|initial|jeopard|legal|memor|mobil|monet|neutral|polar|popular|privat|random|stabil|steril|symbol|sympath|synchron|synthes|tantal|terror|victim|vocal)is(e|ed|es|ing|ation|ations|er|ers)\b/g,
    "$1iz$2",
  ],
  [/\b(anal|paral|catal)ys(e|ed|es|ing)\b/g, "$1yz$2"],
  [/\b(cent|fib|lit|met|theat|spect|calib|lust)re(s|d)?\b/g, "$1er$2"],
  [/\b(travel|model|label|cancel|level|signal|channel|fuel|marvel|counsel|tunnel|dial)l(ed|ing|er|ers)\b/g, "$1$2"],
  [/\b(def|off|lic)ence(s)?\b/g, "$1ense$2"],
  [/\bprogramme(s)?\b/g, "program$1"],
  [/\bgrey(s|er|est)?\b/g, "gray$1"],
  [/\b(dialog|catalog)ue(s)?\b/g, "$1$2"],
  [/\btyre(s)?\b/g, "tire$1"],
  [/\barchaeolog/g, "archeolog"],
];

const SYMBOLS = /[^\p{L}\p{N}\s.%$¢€£]/gu;

export function normaliseEnglish(said: string): string {
  let text = said
    .toLowerCase()
    .replace(/[<[][^>\]]*[>\]]/g, "")
    .replace(/\([^)]+?\)/g, "")
    .replace(/\b(?:hmm|mm|mhm|mmm|uh|um)\b/g, "")
    .replace(/\s+'/g, "'");
  for (const [pattern, replacement] of REPLACEMENTS) text = text.replace(pattern, replacement);
  text = text
    .replace(/(\d),(\d)/g, "$1$2")
    .replace(/\.([^0-9]|$)/g, " $1")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(SYMBOLS, " ");
  text = digitise(text);
  for (const [pattern, replacement] of BRITISH) text = text.replace(pattern, replacement);
  return text
    .replace(/[.$¢€£]([^0-9])/g, " $1")
    .replace(/([^0-9])%/g, "$1 ")
    .replace(/\s+/g, " ")
    .trim();
}
