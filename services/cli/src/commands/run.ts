import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AppError, corpusDir, EXIT, type FeedEntry } from "@podcast/base";
import { Layout } from "@podcast/corpus";
import { isStageName, newRunId, readOpml, runPipeline, STAGE_NAMES, type StageName } from "@podcast/pipeline";
import { Command } from "commander";
import { type CommonOptions, configFor, stopSignal, withCommon } from "../context.ts";
import { startMonitor } from "../monitor/monitor.ts";
import { runPanel } from "../progress/panel.ts";
import { summaryText } from "../progress/summary.ts";

interface RunOptions extends CommonOptions {
  opml?: string;
  since?: string;
  until?: string;
  order?: string;
  offset?: string;
  maxEpisodes?: string;
  title?: string;
  monitor?: boolean;
  heapProfile?: boolean;
  memray?: boolean;
  startStage?: string;
  endStage?: string;
  onlyStage?: string;
}

export function runCommand(): Command {
  const command = new Command("run")
    .description(
      "Processes the episodes of feeds: download, transcribe, tell speakers apart, summarise, find insights, index.",
    )
    .argument("[feed...]", "addresses of feeds (RSS or Atom)")
    .option("--opml <file>", "OPML file with feeds")
    .option("--since <date|age>", "only episodes published since: 2026-01-31, 7d, 2w")
    .option("--until <date>", "only episodes published until")
    .option("--order <newest|oldest>", "which end of the feed comes first")
    .option("--offset <n>", "episodes to pass over")
    .option("--max-episodes <n>", "most episodes a feed")
    .option("--title <pattern>", "only episodes whose title matches this regular expression")
    .option("--start-stage <stage>", "first stage to run")
    .option("--end-stage <stage>", "last stage to run")
    .option("--only-stage <stage>", "run this stage alone")
    .option("--monitor", "live monitor: stage, time, memory, CPU")
    .option("--heap-profile", "write a heap profile of the run under debug/")
    .option("--memray", "the same as --heap-profile")
    .addHelpText(
      "after",
      `
Stages: ${STAGE_NAMES.join(", ")}

Examples:
  podcast run https://example.com/feed.xml --max-episodes 3 --order newest
  podcast run --opml subscriptions.opml --since 7d --json
  podcast run http://nas.local/feed.xml --allow-host nas.local --model transcription=whisper/base-q5_1

Exit codes: 0 done, 1 failed, 2 bad usage, 3 some episodes failed (they are named), 4 not possible here.`,
    );
  return withCommon(command).action(async (feeds: string[], options: RunOptions) => {
    process.exitCode = await run(feeds, options);
  });
}

async function run(addresses: string[], options: RunOptions): Promise<number> {
  const resolved = configFor(options, {
    opml: options.opml,
    "select.since": options.since,
    "select.until": options.until,
    "select.order": options.order,
    "select.offset": options.offset,
    "select.max": options.maxEpisodes,
    "select.title": options.title,
    monitor: options.monitor,
    heapProfile: options.heapProfile ?? options.memray,
  });
  const config = resolved.values;
  const feeds: FeedEntry[] = [
    ...addresses.map((url) => ({ url, overrides: {} })),
    ...resolved.feeds,
    ...(await fromOpml(config.opml)),
  ];
  if (feeds.length === 0)
    throw new AppError("USAGE", "No feed is given.", {
      hint: "podcast run https://example.com/feed.xml, or --config FILE, or --opml FILE.",
    });
  const corpus = corpusDir(config);
  const runId = newRunId();
  const signal = stopSignal();
  const interactive = process.stderr.isTTY === true && !options.json && config["log.file"] === undefined;
  const monitor =
    config.monitor || config.heapProfile ? await startMonitor(config, new Layout(corpus), runId) : undefined;
  const panel = runPanel({
    interactive: interactive && !config.monitor,
    silent: config["log.level"] === "silent" || (config.monitor && interactive),
  });
  const result = await runPipeline(
    // The panel speaks to people; log lines of a terminal run go to the run's own log.jsonl, unless asked for.
    {
      ...config,
      "log.level":
        resolved.sources["log.level"] === "default" && config["log.file"] === undefined && !config["log.json"]
          ? "silent"
          : config["log.level"],
    },
    {
      feeds,
      corpus,
      startStage: stageOption(options.onlyStage ?? options.startStage),
      endStage: stageOption(options.onlyStage ?? options.endStage),
      signal,
      runId,
      emit: (event) => {
        monitor?.observe(event);
        panel.show(event);
      },
    },
  ).finally(async () => {
    panel.close();
  });
  await monitor?.finish(result.exitCode);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ schema: 1, corpus: resolve(corpus), ...result }, null, 2)}\n`);
  else process.stderr.write(`${summaryText(result, resolve(corpus))}\n`);
  return result.exitCode ?? EXIT.done;
}

async function fromOpml(path: string | undefined): Promise<FeedEntry[]> {
  if (path === undefined) return [];
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new AppError("USAGE", `The OPML file ${path} cannot be read.`, { cause: error });
  }
  return readOpml(bytes).map((url) => ({ url, overrides: {} }));
}

function stageOption(name: string | undefined): StageName | undefined {
  if (name === undefined || isStageName(name)) return name;
  throw new AppError("USAGE", `There is no stage ${name}.`, { hint: `Stages: ${STAGE_NAMES.join(", ")}` });
}
