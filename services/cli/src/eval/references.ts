import { glob, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { readJson } from "@podcast/base";
import { parseRttm, type Turn } from "./der.ts";

/** One line of a reference script: who says what, and whether it is a sponsor read. */
export interface ScriptLine {
  speaker: string | undefined;
  text: string;
  advert: boolean;
}

export interface References {
  script?: ScriptLine[];
  turns?: Turn[];
  /** Names by voice of the RTTM. */
  voiceMap?: Record<string, string>;
}

interface GroundTruth {
  sponsor_blocks?: { line_index: number }[];
}

/** Finds references by the audio's file name, anywhere below the folder. */
export class ReferenceFolder {
  readonly #byName = new Map<string, string>();

  static async open(folder: string): Promise<ReferenceFolder> {
    const found = new ReferenceFolder();
    const paths: string[] = [];
    for await (const path of glob("**/*.{txt,rttm,json}", { cwd: folder })) paths.push(path);
    // The file nearest to the top counts: copies of a name deeper down are somebody else's output.
    for (const path of paths.sort((a, b) => a.split("/").length - b.split("/").length || a.localeCompare(b))) {
      const key = path.includes("ground-truth/") ? `ground-truth/${basename(path)}` : basename(path);
      if (!found.#byName.has(key)) found.#byName.set(key, join(folder, path));
    }
    return found;
  }

  async load(id: string): Promise<References> {
    const references: References = {};
    const truth = await this.#json<GroundTruth>(`ground-truth/${id}.json`);
    const script = await this.#text(`${id}.txt`);
    if (script !== undefined)
      references.script = parseScript(script, new Set((truth?.sponsor_blocks ?? []).map((block) => block.line_index)));
    const rttm = await this.#text(`${id}.rttm`);
    if (rttm !== undefined) references.turns = parseRttm(rttm);
    const voices = await this.#json<{ voice_map?: Record<string, string> }>(`${id}.groundtruth.json`);
    if (voices?.voice_map) references.voiceMap = voices.voice_map;
    return references;
  }

  async #text(name: string): Promise<string | undefined> {
    const path = this.#byName.get(name);
    return path === undefined ? undefined : readFile(path, "utf8");
  }
  async #json<T>(name: string): Promise<T | undefined> {
    const path = this.#byName.get(name);
    return path === undefined ? undefined : readJson<T>(path);
  }
}

/** Lines of "Speaker: text"; headings, marks and the cast at the top are not spoken. */
export function parseScript(text: string, adverts: ReadonlySet<number>): ScriptLine[] {
  return text.split("\n").flatMap((line, index) => {
    const said = line.trim();
    if (said === "" || said.startsWith("#") || /^\[\d/.test(said) || /^(?:Host|Guest)s?:/.test(said)) return [];
    const match = /^([^:]{1,40}): (.*)$/.exec(said);
    return [{ speaker: match?.[1], text: match?.[2] ?? said, advert: adverts.has(index) }];
  });
}
