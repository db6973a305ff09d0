import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";
import { join } from "node:path";
import {
  AppError,
  type Config,
  createLogger,
  EXIT,
  type FeedEntry,
  gitSha,
  HttpClient,
  registry,
  SETTINGS,
  type Setting,
  sha256,
  toAppError,
  toJson,
  VERSION,
  writeFileAtomic,
  writeJson,
} from "@podcast/base";
import { Corpus, type CorpusInfo, type Episode, type Feed, Layout } from "@podcast/corpus";
import pLimit from "p-limit";
import type { StageName } from "../plan/index.ts";
import { LanguageModel } from "../providers/language-model.ts";
import { type CollectedFeed, collectFeed, knownFeeds } from "./collect-feeds.ts";
import { lockCorpus } from "./corpus-lock.ts";
import type { EventSink, RunResult } from "./events.ts";
import { indexCorpus } from "./index-corpus.ts";
import { ModelHub } from "./model-hub.ts";
import { runEpisode } from "./run-episode.ts";

export interface PipelineOptions {
  feeds: readonly FeedEntry[];
  corpus: string;
  startStage?: StageName | undefined;
  endStage?: StageName | undefined;
  signal: AbortSignal;
  emit?: EventSink | undefined;
  runId?: string;
}

/** Id of a run: sorts by time, one for everything that the run writes. */
export function newRunId(now = new Date()): string {
  return `${now.toISOString().replace(/[-:]/g, "").replace(/\..*/, "").replace("T", "-")}-${sha256(`${now.getTime()} ${process.pid} ${Math.random()}`).slice(0, 6)}`;
}

/** Feeds in, artifacts out. Each feed and each episode fails by itself; the result names all of them. */
export async function runPipeline(config: Config, options: PipelineOptions): Promise<RunResult> {
  const started = Date.now();
  const { signal, emit = () => {}, runId = newRunId() } = options;
  const layout = new Layout(options.corpus);
  const release = await lockCorpus(layout.lockFile);
  const logger = createLogger({
    level: config["log.level"],
    json: config["log.json"],
    file: config["log.file"],
    ledger: join(layout.runDir(runId), "log.jsonl"),
    fields: { service: "pipeline", run_id: runId, correlation_id: runId },
  });
  const http = new HttpClient({ allowHosts: config.allowHosts });
  const models = new ModelHub({
    config,
    logger,
    signal,
    onInstall: ({ model, source, received, total }) =>
      emit({
        type: "model",
        message: `fetching ${model} from ${source}${total ? ` ${Math.floor((received / total) * 100)} %` : ""}`,
      }),
    onBuild: (line) => emit({ type: "model", message: line }),
  });
  const languageModel = new LanguageModel(config, join(options.corpus, ".cache", "llm"));
  const result: RunResult = {
    runId,
    exitCode: EXIT.done,
    feeds: [],
    episodes: [],
    counts: { processed: 0, unchanged: 0, failed: 0, feedsFailed: 0 },
    seconds: 0,
    costUsd: 0,
  };
  try {
    emit({ type: "run_started", runId, feeds: options.feeds.length });
    logger.info({ feeds: options.feeds.length, version: VERSION }, "run started");
    const collected = await collect(config, options, layout, http, emit);
    for (const one of collected) note(result, one, logger);
    await writeCorpusInfo(layout);
    const work = collected.flatMap((one) =>
      one.episodes.map((episode) => ({ feed: one.feed as Feed, episode, config: one.config })),
    );
    await runEpisodes(work, { config, layout, http, models, languageModel, logger, signal }, options, emit, result);
    if (!signal.aborted && (options.endStage === undefined || options.endStage === "vector_indexing")) {
      const updated = await indexCorpus(new Corpus(options.corpus), {
        backend: config["index.backend"],
        model: await models.embeddingModel(),
      });
      result.index = {
        episodes: updated.info.episodes,
        chunks: updated.info.chunks,
        semantic: updated.info.model !== undefined,
      };
      if (updated.changed)
        emit({ type: "index_updated", episodes: updated.info.episodes, chunks: updated.info.chunks });
    }
    result.exitCode = exitCode(result);
  } catch (raw) {
    const error = toAppError(raw);
    if (error.code !== "ABORTED" && !signal.aborted) throw error;
    result.exitCode = 130;
    logger.warn("stopped on request: finished stages are kept, the next run goes on from there");
  } finally {
    result.seconds = Math.round((Date.now() - started) / 100) / 10;
    result.costUsd = languageModel.spent.usd;
    await models.close();
    await http.destroy();
    await writeRun(layout, runId, config, result, started);
    await release();
  }
  emit({ type: "run_finished", result });
  return result;
}

async function collect(
  config: Config,
  options: PipelineOptions,
  layout: Layout,
  http: HttpClient,
  emit: EventSink,
): Promise<CollectedFeed[]> {
  const known = await knownFeeds(layout);
  const limit = pLimit(config["feeds.concurrency"]);
  const distinct = options.feeds.filter(
    (entry, index) => options.feeds.findIndex((other) => other.url === entry.url) === index,
  );
  return Promise.all(
    distinct.map((entry) =>
      limit(async () => {
        const one = await collectFeed(entry, config, layout, known, http, options.signal);
        if (one.error) emit({ type: "feed_failed", url: one.url, code: one.error.code, message: one.error.message });
        else
          emit({ type: "feed_read", url: one.url, title: one.feed?.title ?? one.url, episodes: one.episodes.length });
        return one;
      }),
    ),
  );
}

function note(result: RunResult, one: CollectedFeed, logger: ReturnType<typeof createLogger>): void {
  if (one.error) {
    result.counts.feedsFailed++;
    logger.error({ feed: one.url, code: one.error.code }, one.error.message);
  }
  result.feeds.push({
    url: one.url,
    ...(one.feed ? { title: one.feed.title } : {}),
    episodes: one.episodes.length,
    ...(one.error
      ? {
          error: {
            code: one.error.code,
            message: one.error.message,
            ...(one.error.hint ? { hint: one.error.hint } : {}),
          },
        }
      : {}),
  });
}

type Work = { feed: Feed; episode: Episode; config: Config };
type Shared = {
  config: Config;
  layout: Layout;
  http: HttpClient;
  models: ModelHub;
  languageModel: LanguageModel;
  logger: ReturnType<typeof createLogger>;
  signal: AbortSignal;
};

/** Episodes one after the other: models take the whole machine. The next ones' media come in meanwhile. */
async function runEpisodes(
  work: readonly Work[],
  shared: Shared,
  options: PipelineOptions,
  emit: EventSink,
  result: RunResult,
): Promise<void> {
  const ahead = prefetcher(work, shared, options);
  for (const [index, { feed, episode, config }] of work.entries()) {
    if (shared.signal.aborted) throw new AppError("ABORTED", "Stopped on request.");
    await ahead(index);
    emit({ type: "episode_started", key: episode.key, title: episode.title, index: index + 1, total: work.length });
    const { layout, ...context } = shared;
    const { costUsd: _cost, ...outcome } = await runEpisode(
      feed,
      episode,
      layout,
      { ...context, config },
      { ...options, emit, index: index + 1, total: work.length },
    );
    result.episodes.push(outcome);
    result.counts[outcome.state]++;
    emit({ type: "episode_finished", key: episode.key, title: episode.title, outcome });
  }
}

/** Starts downloads of the next few episodes in the background; returns a wait for one of them. */
function prefetcher(work: readonly Work[], shared: Shared, options: PipelineOptions): (index: number) => Promise<void> {
  if (
    options.startStage !== undefined &&
    options.startStage !== "rss_feed_fetch" &&
    options.startStage !== "media_download"
  )
    return async () => {};
  const limit = pLimit(shared.config["download.concurrency"]);
  const jobs: (Promise<unknown> | undefined)[] = [];
  const start = (index: number) => {
    const one = work[index];
    if (one === undefined || jobs[index] !== undefined) return;
    const { layout, ...context } = shared;
    // A failure shows again, with its name, when the episode's turn comes.
    jobs[index] = limit(() =>
      runEpisode(
        one.feed,
        one.episode,
        layout,
        { ...context, config: one.config },
        { endStage: "media_download", emit: () => {}, index: index + 1, total: work.length },
      ),
    ).catch(() => {});
  };
  return async (index) => {
    for (let next = index; next <= index + shared.config["download.concurrency"]; next++) start(next);
    await jobs[index];
  };
}

function exitCode(result: RunResult): number {
  const { processed, unchanged, failed, feedsFailed } = result.counts;
  if (failed + feedsFailed === 0) return EXIT.done;
  if (processed + unchanged > 0) return EXIT.partial;
  const codes = [
    ...result.episodes.map((one) => one.error?.code),
    ...result.feeds.map((one) => one.error?.code),
  ].filter(Boolean);
  if (codes.length > 0 && codes.every((code) => code === "MODEL_MISSING" || code === "PROGRAM_MISSING"))
    return EXIT.impossible;
  return result.episodes.length > 0 && feedsFailed < result.feeds.length ? EXIT.partial : EXIT.failed;
}

async function writeCorpusInfo(layout: Layout): Promise<void> {
  const feeds = await new Corpus(layout.root).feeds();
  const info: CorpusInfo = {
    schema: 1,
    producer: `podcast-appliance ${VERSION}`,
    feeds: feeds.map(({ key, title }) => ({ key, title })),
  };
  await writeFileAtomic(layout.corpusFile, toJson(info));
}

async function writeRun(
  layout: Layout,
  runId: string,
  config: Config,
  result: RunResult,
  started: number,
): Promise<void> {
  const shown = Object.fromEntries(
    Object.entries(config).filter(([key]) => !(SETTINGS[key as keyof typeof SETTINGS] as Setting).secret),
  );
  await writeJson(join(layout.runDir(runId), "run.json"), {
    schema: 1,
    run_id: runId,
    version: VERSION,
    git_sha: gitSha(),
    started: new Date(started).toISOString(),
    seconds: result.seconds,
    exit_code: result.exitCode,
    config_hash: sha256(JSON.stringify(shown)).slice(0, 16),
    machine: {
      platform: platform(),
      arch: arch(),
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memory_bytes: totalmem(),
    },
    counts: result.counts,
    cost_usd: result.costUsd,
    feeds: result.feeds,
    episodes: result.episodes,
  });
  await writeJson(join(layout.runDir(runId), "metrics.json"), await registry.getMetricsAsJSON());
}
