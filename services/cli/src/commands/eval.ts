import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError, corpusDir, silentLogger } from "@podcast/base";
import { Corpus } from "@podcast/corpus";
import { ModelHub, metadataNames, runTextStages, type TextResult } from "@podcast/pipeline";
import Table from "cli-table3";
import { Command } from "commander";
import { type CommonOptions, configFor, print, stopSignal, withCommon } from "../context.ts";
import { ReferenceFolder } from "../eval/references.ts";
import { type EpisodeScore, scoreEpisode } from "../eval/score-episode.ts";
import { scoreText } from "../eval/score-text.ts";

interface EvalOptions extends CommonOptions {
  references?: string;
  text?: string;
  maxInsights: string;
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .description(
      "Scores a corpus, or the text stages alone, against references: words, voices, names, adverts, insights.",
    )
    .option(
      "--references <dir>",
      "folder with <audio name>.txt, .rttm, .groundtruth.json, ground-truth/<name>.json; *.jsonl for --text",
    )
    .option("--text <dir>", "run the text stages on the plain transcripts of this folder")
    .option("--max-insights <n>", "insights a transcript, with --text", "8")
    .addHelpText(
      "after",
      "\nExamples:\n  podcast eval --corpus data/corpus --references refs/\n  podcast eval --text transcripts/ --references silver/ --max-insights 8 --json",
    );
  return withCommon(command).action(async (options: EvalOptions) => {
    if (options.text !== undefined) return evalText(options, options.text);
    if (options.references === undefined)
      throw new AppError("USAGE", "--references is missing.", { hint: "podcast eval --references DIR" });
    return evalCorpus(options, options.references);
  });
}

async function evalCorpus(options: EvalOptions, folder: string): Promise<void> {
  const corpus = new Corpus(corpusDir(configFor(options).values));
  const references = await ReferenceFolder.open(folder);
  const scores: EpisodeScore[] = [];
  for (const ref of await corpus.episodes()) {
    const reader = corpus.open(ref);
    const metadata = await reader.metadata();
    const transcript = await reader.transcript();
    if (metadata?.enclosure === undefined || transcript === undefined) continue;
    const id = basename(new URL(metadata.enclosure.url).pathname).replace(/\.\w+$/, "");
    scores.push(
      scoreEpisode({
        id,
        transcript,
        text: (await reader.text()) ?? "",
        turns: await reader.turns(),
        cuts: await reader.cuts(),
        gi: await reader.gi(),
        feedNames: metadataNames(metadata),
        references: await references.load(id),
      }),
    );
  }
  if (scores.length === 0)
    throw new AppError("CORPUS_MISSING", `${corpus.layout.root} holds no episode with a transcript.`);
  scores.sort((a, b) => a.id.localeCompare(b.id));
  const pooled = pool(scores);
  print(options, { schema: 1, episodes: scores, pooled }, table(scores, pooled));
}

export interface PooledScore {
  wer?: number;
  der?: number;
  voicesRight: number;
  voicesOf: number;
  namesRight: number;
  namesOf: number;
  adPrecision?: number;
  adRecall?: number;
  verbatim: number;
  insights: number;
}

/** Sums over all episodes, then the ratio: long episodes weigh more. */
function pool(scores: readonly EpisodeScore[]): PooledScore {
  const sum = (pick: (score: EpisodeScore) => number | undefined) =>
    scores.reduce((total, score) => total + (pick(score) ?? 0), 0);
  const words = sum((score) => score.wer?.words);
  const speech = sum((score) => score.der?.reference);
  const withVoices = scores.filter((score) => score.der !== undefined);
  const [cut, truth, hit] = [
    sum((score) => score.adverts?.cut),
    sum((score) => score.adverts?.truth),
    sum((score) => score.adverts?.hit),
  ];
  return {
    ...(words > 0 ? { wer: sum((score) => score.wer?.errors) / words } : {}),
    ...(speech > 0 ? { der: sum((score) => (score.der ? score.der.rate * score.der.reference : 0)) / speech } : {}),
    voicesRight: withVoices.filter((score) => score.der?.voices === score.der?.expected).length,
    voicesOf: withVoices.length,
    namesRight: sum((score) => score.names?.right),
    namesOf: sum((score) => score.names?.expected),
    ...(cut > 0 ? { adPrecision: hit / cut } : {}),
    ...(truth > 0 ? { adRecall: hit / truth } : {}),
    verbatim: sum((score) => score.insights.verbatim),
    insights: sum((score) => score.insights.count),
  };
}

const percent = (value: number | undefined) => (value === undefined ? "" : (value * 100).toFixed(2));

function table(scores: readonly EpisodeScore[], pooled: PooledScore): string {
  const view = new Table({
    head: ["audio", "WER %", "DER %", "voices", "names", "ad P %", "ad R %", "insights"],
    style: { head: [], border: [] },
  });
  for (const score of scores) {
    view.push([
      score.id,
      percent(score.wer?.rate),
      percent(score.der?.rate),
      score.der ? `${score.der.voices}/${score.der.expected}` : "",
      score.names
        ? `${score.names.right}/${score.names.expected}${score.names.wrong.length > 0 ? ` (${score.names.wrong.join(", ")})` : ""}`
        : "",
      percent(score.adverts?.precision),
      percent(score.adverts?.recall),
      `${score.insights.verbatim}/${score.insights.count}`,
    ]);
  }
  view.push([
    "pooled",
    percent(pooled.wer),
    percent(pooled.der),
    `${pooled.voicesRight}/${pooled.voicesOf} files`,
    `${pooled.namesRight}/${pooled.namesOf}`,
    percent(pooled.adPrecision),
    percent(pooled.adRecall),
    `${pooled.verbatim}/${pooled.insights}`,
  ]);
  return view.toString();
}

async function evalText(options: EvalOptions, folder: string): Promise<void> {
  const { values: config } = configFor(options);
  const models = new ModelHub({ config, logger: silentLogger(), signal: stopSignal() });
  try {
    const embedder = await models.embedder();
    const vectorise = embedder && ((texts: readonly string[]) => embedder.embed(texts));
    const results = new Map<string, TextResult>();
    for (const name of (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".txt")).sort()) {
      const text = await readFile(join(folder, name), "utf8");
      const id = basename(name, ".txt");
      const title = /^#+ (?!.*— Episode$)(.+)$/m.exec(text)?.[1] ?? id;
      results.set(
        id,
        await runTextStages(text, title, {
          vectorise,
          maxInsights: Number(options.maxInsights) || 8,
          maxTopics: config["graph.topics"],
          bullets: config["summary.bullets"],
        }),
      );
    }
    if (results.size === 0) throw new AppError("USAGE", `${folder} holds no .txt file.`);
    const scores =
      options.references === undefined
        ? []
        : await scoreText(results, options.references, vectorise && ((texts) => vectorise(texts)));
    const view = new Table({
      head: ["reference", "episodes", "insights %", "topics %", "ROUGE-L"],
      style: { head: [], border: [] },
    });
    for (const score of scores)
      view.push([
        score.reference,
        score.episodes,
        percent(score.insightCoverage),
        percent(score.topicCoverage),
        score.rougeL?.toFixed(3) ?? "",
      ]);
    const outputs = Object.fromEntries(results);
    print(
      options,
      { schema: 1, semantic: embedder !== undefined, scores, outputs },
      scores.length > 0
        ? view.toString()
        : [...results]
            .map(
              ([id, result]) =>
                `${id}\n${result.insights.map((insight) => `  ${insight.type}: ${insight.text}`).join("\n")}`,
            )
            .join("\n\n"),
    );
  } finally {
    await models.close();
  }
}
