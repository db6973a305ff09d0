import { glob, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { contentStems, similarity, type TextResult } from "@podcast/pipeline";
import { rougeL } from "./align.ts";

interface SilverLine {
  episode_id: string;
  output: {
    insights?: { text: string; supporting_quotes?: { text: string }[] }[];
    topics?: { label: string }[];
    summary_final?: string;
  };
}

export interface TextScore {
  reference: string;
  /** Share of reference insights (those that have a quote) that one of ours quotes at least half of. */
  insightCoverage?: number;
  topicCoverage?: number;
  rougeL?: number;
  episodes: number;
}

/** Scores the text stages against reference files (JSON Lines, one episode a line). */
export async function scoreText(
  results: ReadonlyMap<string, TextResult>,
  folder: string,
  embed: ((texts: string[]) => Promise<Float32Array[]>) | undefined,
): Promise<TextScore[]> {
  const scores: TextScore[] = [];
  const files: string[] = [];
  for await (const file of glob("**/*.jsonl", { cwd: folder })) files.push(file);
  for (const file of files.sort()) {
    const lines = (await readFile(join(folder, file), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as SilverLine);
    const score: TextScore = { reference: basename(file, ".jsonl"), episodes: 0 };
    const tally = { insights: [0, 0], topics: [0, 0], rouge: [] as number[] };
    for (const { episode_id: id, output } of lines) {
      const ours = results.get(id);
      if (ours === undefined) continue;
      score.episodes++;
      if (output.insights) tallyInsights(ours, output.insights, tally.insights);
      if (output.topics) await tallyTopics(ours, output.topics, tally.topics, embed);
      if (output.summary_final) tally.rouge.push(summaryScore(ours, output.summary_final));
    }
    if (tally.insights[1]) score.insightCoverage = (tally.insights[0] as number) / tally.insights[1];
    if (tally.topics[1]) score.topicCoverage = (tally.topics[0] as number) / tally.topics[1];
    if (tally.rouge.length > 0) score.rougeL = tally.rouge.reduce((a, b) => a + b, 0) / tally.rouge.length;
    if (score.episodes > 0) scores.push(score);
  }
  return scores;
}

function tallyInsights(
  ours: TextResult,
  references: NonNullable<SilverLine["output"]["insights"]>,
  tally: number[],
): void {
  // As many insights as the reference has: no more.
  const quotes = ours.insights
    .slice(0, references.length)
    .flatMap((insight) => insight.quotes.map((quote) => plain(quote.text)));
  for (const reference of references) {
    const wanted = (reference.supporting_quotes ?? [])
      .map((quote) => plain(quote.text))
      .filter((quote) => quote !== "");
    if (wanted.length === 0) continue;
    tally[1] = (tally[1] as number) + 1;
    if (wanted.some((quote) => quotes.some((mine) => longestCommon(mine, quote) >= quote.length / 2)))
      tally[0] = (tally[0] as number) + 1;
  }
}

/** A topic matches by half of its content words, or by meaning (cosine ≥ 0.65). */
async function tallyTopics(
  ours: TextResult,
  references: { label: string }[],
  tally: number[],
  embed: ((texts: string[]) => Promise<Float32Array[]>) | undefined,
): Promise<void> {
  const mine = ours.topics;
  const mineStems = mine.map((topic) => new Set(contentStems(topic)));
  const vectors = embed ? await embed([...mine, ...references.map((reference) => reference.label)]) : undefined;
  for (const [index, reference] of references.entries()) {
    const stems = [...new Set(contentStems(reference.label))];
    const byWords = mineStems.some(
      (set) => stems.length > 0 && stems.filter((stem) => set.has(stem)).length >= stems.length / 2,
    );
    const byMeaning =
      vectors !== undefined &&
      mine.some(
        (_, at) => similarity(vectors[at] as Float32Array, vectors[mine.length + index] as Float32Array) >= 0.65,
      );
    tally[1] = (tally[1] as number) + 1;
    if (byWords || byMeaning) tally[0] = (tally[0] as number) + 1;
  }
}

function summaryScore(ours: TextResult, reference: string): number {
  let text = reference;
  let mine = ours.paragraph;
  if (reference.trimStart().startsWith("{")) {
    text = ((JSON.parse(reference) as { bullets?: string[] }).bullets ?? []).join(" ");
    mine = ours.bullets.join(" ");
  }
  return rougeL(stems(text), stems(mine));
}

/** Words for ROUGE: lower case, stemmed. */
function stems(text: string): string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => contentStems(word)[0] ?? word);
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[’‘]/g, "'").replace(/[‐‑]/g, "-").replace(/\s+/g, " ").trim();
}

function longestCommon(a: string, b: string): number {
  let best = 0;
  let row = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    const next = new Uint16Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      if (a[i - 1] !== b[j - 1]) continue;
      next[j] = (row[j - 1] as number) + 1;
      best = Math.max(best, next[j] as number);
    }
    row = next;
  }
  return best;
}
