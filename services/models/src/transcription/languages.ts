const CODES = (
  "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv " +
  "mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh yue"
).split(" ");

const names = new Intl.DisplayNames(["en"], { type: "language" });
const byName = new Map(CODES.map((code) => [(names.of(code) ?? code).toLowerCase(), code]));

/** Code of a language that Whisper names in English ("english" → "en"); a code stays a code. */
export function languageCode(name: string): string {
  const lower = name.toLowerCase();
  return CODES.includes(lower) ? lower : (byName.get(lower) ?? "en");
}
