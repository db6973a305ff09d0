import { AppError } from "@podcast/base";
import { parseOpml } from "feedsmith";

interface Outline {
  xmlUrl?: string;
  outlines?: Outline[];
}

/** Feed addresses of an OPML document, nested groups included, in order and once each. Throws OPML_INVALID. */
export function opmlFeeds(text: string): string[] {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text))
    throw new AppError("OPML_INVALID", "The OPML file declares a document type; such files are refused.");
  let outlines: Outline[];
  try {
    outlines = (parseOpml(text).body?.outlines ?? []) as Outline[];
  } catch (error) {
    throw new AppError("OPML_INVALID", `The OPML file cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const urls = new Set<string>();
  const walk = (list: readonly Outline[]) => {
    for (const outline of list) {
      if (outline.xmlUrl) urls.add(outline.xmlUrl.trim());
      walk(outline.outlines ?? []);
    }
  };
  walk(outlines);
  if (urls.size === 0) throw new AppError("OPML_INVALID", "The OPML file names no feed.");
  return [...urls];
}
