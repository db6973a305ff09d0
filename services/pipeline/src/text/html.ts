import { Parser } from "htmlparser2";

const BLOCK = new Set([
  "p",
  "div",
  "br",
  "li",
  "ul",
  "ol",
  "tr",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "blockquote",
  "section",
  "article",
  "cite",
  "time",
  "dt",
  "dd",
]);
const SILENT = new Set(["script", "style", "head", "template", "noscript"]);

/** Text of an HTML fragment: entities resolved, blocks on lines of their own, scripts and styles left out. */
export function plainText(html: string): string {
  if (!/[<&]/.test(html)) return html.replace(/[ \t\r]+/g, " ");
  let text = "";
  let silent = 0;
  const parser = new Parser(
    {
      onopentag(name) {
        if (SILENT.has(name)) silent++;
        if (BLOCK.has(name)) text += "\n";
      },
      onclosetag(name) {
        if (SILENT.has(name)) silent--;
        if (BLOCK.has(name)) text += "\n";
      },
      ontext(part) {
        if (silent === 0) text += part;
      },
    },
    { decodeEntities: true },
  );
  parser.end(html);
  return text
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/\n{2,}/g, "\n")
    .trim();
}
