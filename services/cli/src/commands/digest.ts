import { join } from "node:path";
import { AppError, corpusDir, sha256, writeJson } from "@podcast/base";
import { buildDigest, Corpus, digestMarkdown, digestText } from "@podcast/corpus";
import { dateBound } from "@podcast/pipeline";
import { Command } from "commander";
import { type CommonOptions, configFor, withCommon } from "../context.ts";

interface DigestOptions extends CommonOptions {
  since: string;
  until?: string;
  format: "text" | "markdown" | "json";
  insights: string;
}

export function digestCommand(): Command {
  const command = new Command("digest")
    .description("What is new: newest episodes first, with summary lead, strongest insights and links to the second.")
    .option("--since <date|age>", "episodes published since: 2026-01-31, 7d, 2w", "7d")
    .option("--until <date>", "episodes published until")
    .option("--format <format>", "text, markdown or json", "text")
    .option("--insights <n>", "most insights an episode", "3")
    .addHelpText(
      "after",
      "\nExamples:\n  podcast digest --since 7d\n  podcast digest --since 2026-01-01 --format markdown > digest.md",
    );
  return withCommon(command).action(async (options: DigestOptions) => {
    if (!["text", "markdown", "json"].includes(options.format))
      throw new AppError("USAGE", `--format ${options.format}: expected text, markdown or json.`);
    const { values: config } = configFor(options, { "select.since": options.since, "select.until": options.until });
    const corpus = new Corpus(corpusDir(config));
    const now = new Date();
    const digest = await buildDigest(corpus, {
      since: dateBound(options.since, now, false),
      until: options.until === undefined ? now.toISOString() : dateBound(options.until, now, true),
      insights: Math.max(0, Number(options.insights) || 0),
    });
    if (digest.episodes.length > 0) {
      const id = `${digest.until.slice(0, 10)}-${sha256(JSON.stringify(digest.episodes)).slice(0, 8)}`;
      await writeJson(join(corpus.layout.digestsDir, `${id}.json`), digest);
    }
    if (options.json || options.format === "json") process.stdout.write(`${JSON.stringify(digest, null, 2)}\n`);
    else process.stdout.write(options.format === "markdown" ? digestMarkdown(digest) : `${digestText(digest)}\n`);
  });
}
