/**
 * Spelt-out numbers as digits, after the number rules of OpenAI's English text normaliser (Radford et al., "Robust
 * Speech Recognition via Large-Scale Weak Supervision", appendix C): "twenty one" → "21", "three point five" → "3.5",
 * "first" → "1st", "ten percent" → "10%", "two thousand and five dollars" → "$2005".
 */

const ONES = new Map(
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    .split(" ")
    .map((word, index) => [word, index + 1]),
);
const TENS = new Map(
  "twenty thirty forty fifty sixty seventy eighty ninety".split(" ").map((word, index) => [word, 20 + 10 * index]),
);
const MULTIPLIERS = new Map([
  ["hundred", 100],
  ["thousand", 1000],
  ["million", 1e6],
  ["billion", 1e9],
  ["trillion", 1e12],
]);
const ZEROS = new Set(["o", "oh", "zero"]);
const ORDINAL_ONES = new Map<string, [number, string]>([
  ["zeroth", [0, "th"]],
  ["first", [1, "st"]],
  ["second", [2, "nd"]],
  ["third", [3, "rd"]],
  ["fifth", [5, "th"]],
  ["twelfth", [12, "th"]],
  ...[...ONES]
    .filter(([, value]) => value > 3 && value !== 5 && value !== 12)
    .map(([word, value]): [string, [number, string]] => [word + (word.endsWith("t") ? "h" : "th"), [value, "th"]]),
]);
ORDINAL_ONES.set("ninth", [9, "th"]);
ORDINAL_ONES.delete("nineth");
const ORDINAL_TENS = new Map([...TENS].map(([word, value]): [string, number] => [word.replace(/y$/, "ieth"), value]));
const PLURAL_TENS = new Map([...TENS].map(([word, value]): [string, number] => [word.replace(/y$/, "ies"), value]));
const PLURAL_ONES = new Map(
  [...ONES].map(([word, value]): [string, number] => [word === "six" ? "sixes" : `${word}s`, value]),
);
const PREFIX = new Map([
  ["minus", "-"],
  ["negative", "-"],
  ["plus", "+"],
  ["positive", "+"],
]);
const CURRENCY = new Map([
  ["pound", "£"],
  ["pounds", "£"],
  ["euro", "€"],
  ["euros", "€"],
  ["dollar", "$"],
  ["dollars", "$"],
  ["cent", "¢"],
  ["cents", "¢"],
]);

const isNumeric = (text: string) => /^\d+(?:\.\d+)?$/.test(text);
const isNumberWord = (word: string) =>
  ONES.has(word) || TENS.has(word) || ZEROS.has(word) || MULTIPLIERS.has(word) || /^\d/.test(word);

/** Rewrites the number words of a text in lower case; other words pass. */
export function digitise(text: string): string {
  const words = preprocess(text).split(/\s+/).filter(Boolean);
  const out: string[] = [];
  let value: string | number | undefined;
  let prefix = "";
  const flush = (suffix = "") => {
    if (value === undefined) return;
    out.push(`${prefix}${value}${suffix}`);
    value = undefined;
    prefix = "";
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const next = words[i + 1];
    const bare = /^[-+$€£¢]?\d+(?:\.\d+)?$/.test(word) ? word.replace(/^[-+$€£¢]/, "") : undefined;
    if (bare !== undefined) {
      const sign = word.length > bare.length ? (word[0] as string) : "";
      if (value !== undefined) {
        if (typeof value === "string" && value.endsWith(".")) {
          value = `${value}${bare}`;
          continue;
        }
        flush();
      }
      prefix = sign || prefix;
      value = /^\d+$/.test(bare) ? Number(bare) : bare;
    } else if (ZEROS.has(word)) {
      if (word !== "zero" && value === undefined && !(next !== undefined && isNumberWord(next))) out.push(word);
      else value = `${value ?? ""}0`;
    } else if (ONES.has(word)) {
      const ones = ONES.get(word) as number;
      if (value === undefined) value = ones;
      else if (typeof value === "string" || (words[i - 1] !== undefined && ONES.has(words[i - 1] as string))) {
        const tens = TENS.has(words[i - 1] ?? "") && ones < 10 && /0$/.test(String(value));
        value = tens ? String(value).slice(0, -1) + ones : `${value}${ones}`;
      } else if (ones < 10) value = (value as number) % 10 === 0 ? (value as number) + ones : `${value}${ones}`;
      else value = (value as number) % 100 === 0 ? (value as number) + ones : `${value}${ones}`;
    } else if (ORDINAL_ONES.has(word)) {
      const [ones, suffix] = ORDINAL_ONES.get(word) as [number, string];
      if (value === undefined) {
        value = ones;
        flush(suffix);
      } else {
        const base: string | number = value;
        if (typeof base === "number" && (ones < 10 ? base % 10 === 0 : base % 100 === 0)) value = base + ones;
        else value = `${base}${ones}`;
        flush(suffix);
      }
    } else if (TENS.has(word) || ORDINAL_TENS.has(word) || PLURAL_TENS.has(word)) {
      const tens = (TENS.get(word) ?? ORDINAL_TENS.get(word) ?? PLURAL_TENS.get(word)) as number;
      if (value === undefined) value = tens;
      else if (typeof value === "string") value = `${value}${tens}`;
      else value = value % 100 === 0 ? value + tens : `${value}${tens}`;
      if (ORDINAL_TENS.has(word)) flush("th");
      else if (PLURAL_TENS.has(word)) flush("s");
    } else if (PLURAL_ONES.has(word)) {
      const ones = PLURAL_ONES.get(word) as number;
      value =
        typeof value === "number" && value % 10 === 0 ? value + ones : value === undefined ? ones : `${value}${ones}`;
      flush("s");
    } else if (MULTIPLIERS.has(word) || MULTIPLIERS.has(word.replace(/(?:s|ths?)$/, ""))) {
      const factor = MULTIPLIERS.get(word.replace(/(?:ths?|s)$/, "")) ?? (MULTIPLIERS.get(word) as number);
      value = multiply(value, factor);
      if (!MULTIPLIERS.has(word)) flush(word.endsWith("th") ? "th" : word.endsWith("ths") ? "ths" : "s");
    } else if (PREFIX.has(word)) {
      flush();
      if (next !== undefined && isNumberWord(next)) prefix = PREFIX.get(word) as string;
      else out.push(word);
    } else if (CURRENCY.has(word)) {
      if (value !== undefined) {
        prefix = CURRENCY.get(word) as string;
        flush();
      } else out.push(word);
    } else if (word === "percent") {
      if (value === undefined) out.push(word);
      else flush("%");
    } else if (word === "and") {
      const joins =
        value !== undefined &&
        MULTIPLIERS.has(words[i - 1] ?? "") &&
        next !== undefined &&
        (ONES.has(next) || TENS.has(next));
      if (!joins) {
        flush();
        out.push(word);
      }
    } else if (word === "double" || word === "triple") {
      if (next !== undefined && (ONES.has(next) || ZEROS.has(next))) {
        const digit = ONES.get(next) ?? 0;
        value = `${value ?? ""}${String(digit).repeat(word === "double" ? 2 : 3)}`;
        i++;
      } else {
        flush();
        out.push(word);
      }
    } else if (word === "point") {
      if (next !== undefined && (isNumberWord(next) || isNumeric(next))) value = `${value ?? ""}.`;
      else {
        flush();
        out.push(word);
      }
    } else {
      flush();
      out.push(word);
    }
  }
  flush();
  return postprocess(out.join(" "));
}

function multiply(value: string | number | undefined, factor: number): string | number {
  if (value === undefined) return factor;
  const number = Number(value);
  if (Number.isNaN(number)) return `${value}${factor}`;
  if (typeof value === "string" || number === 0) return number === 0 ? `${value}${factor}` : number * factor;
  const before = Math.floor(number / 1000) * 1000;
  return before + (number % 1000 === 0 && number >= 1000 ? 0 : (number % 1000) * factor) || number * factor;
}

function preprocess(text: string): string {
  const pieces = text.split(/\band\s+a\s+half\b/);
  let joined = "";
  for (const [index, piece] of pieces.entries()) {
    joined += piece;
    if (index === pieces.length - 1) break;
    const last = piece.trim().split(/\s+/).at(-1) ?? "";
    joined += isNumberWord(last) ? " point five " : " and a half ";
  }
  return joined
    .replace(/([a-z])(\d)/g, "$1 $2")
    .replace(/(\d)([a-z])/g, "$1 $2")
    .replace(/(\d)\s+(st|nd|rd|th|s)\b/g, "$1$2");
}

function postprocess(text: string): string {
  return text
    .replace(
      /([€£$])(\d+) (?:and )?¢(\d{1,2})\b/g,
      (_, sign, whole, cents) => `${sign}${whole}.${String(cents).padStart(2, "0")}`,
    )
    .replace(/[€£$]0\.(\d{1,2})\b/g, (_, cents) => `¢${Number(cents)}`)
    .replace(/\b1(s?)\b/g, "one$1");
}
