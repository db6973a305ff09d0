import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { metrics, removeQuietly, toAppError } from "@podcast/base";
import { type Episode, EpisodeReader, type Feed, type Layout } from "@podcast/corpus";
import { STAGES, type StageDescription, type StageName, stageRange } from "../plan/index.ts";
import { STAGE_RUNNERS } from "../stages/index.ts";
import type { EpisodeContext, StageContext, StageRunner } from "../stages/stage.ts";
import { EpisodeLedger, fingerprintOf } from "./episode-ledger.ts";
import type { EpisodeOutcome, EventSink } from "./events.ts";

export interface EpisodeRunOptions {
  startStage?: StageName | undefined;
  endStage?: StageName | undefined;
  emit: EventSink;
  index: number;
  total: number;
}

/**
 * Brings one episode up to date: stages whose fingerprint and files hold are passed over, each other runs and is noted
 * before the next begins. A failing stage ends this episode alone.
 */
export async function runEpisode(
  feed: Feed,
  episode: Episode,
  layout: Layout,
  context: Omit<StageContext, "progress">,
  options: EpisodeRunOptions,
): Promise<EpisodeOutcome & { costUsd: number }> {
  const files = layout.episode(feed.key, episode.key);
  const read = new EpisodeReader(files);
  const target: EpisodeContext = { feed, episode, files, read };
  const ledger = new EpisodeLedger(files, await read.manifest().catch(() => undefined), episode.key);
  const outcome: EpisodeOutcome & { costUsd: number } = {
    feed: feed.key,
    episode: episode.key,
    title: episode.title,
    state: "unchanged",
    stages: [],
    flags: [],
    costUsd: 0,
  };
  const range = stageRange(options.startStage, options.endStage);
  const fingerprints = new Map<string, string>(
    STAGES.map((stage) => [stage.name, ledger.record(stage.name)?.fingerprint ?? ""]),
  );
  const check = async (stage: StageDescription): Promise<boolean> => {
    const runner = STAGE_RUNNERS.get(stage.name) as StageRunner;
    const identity = (await runner.identity?.({ ...context, progress: () => {} }, target)) ?? "";
    const fingerprint = fingerprintOf(stage, context.config, identity, (name) => fingerprints.get(name) ?? "");
    fingerprints.set(stage.name, fingerprint);
    return ledger.holds(stage, fingerprint);
  };
  for (const [position, stage] of range.entries()) {
    context.signal.throwIfAborted();
    const runner = STAGE_RUNNERS.get(stage.name) as StageRunner;
    const stageContext: StageContext = {
      ...context,
      logger: context.logger.child({ stage: stage.name, episode: episode.key }),
      progress: (share) => options.emit({ type: "stage_progress", key: episode.key, stage: stage.name, share }),
    };
    try {
      if (await check(stage)) {
        // Files that were allowed to go come back only for a stage that still has to read them.
        if (
          (await present(files.dir, stage)) ||
          !(await neededLater(range.slice(position + 1), stage, fingerprints, check))
        )
          continue;
      }
      await runner.prepare?.(stageContext, target);
      if ((await check(stage)) && (await present(files.dir, stage))) continue;
      await runStage(
        stage,
        runner,
        stageContext,
        target,
        ledger,
        fingerprints.get(stage.name) as string,
        outcome,
        options,
      );
    } catch (raw) {
      const error = toAppError(raw);
      if (error.code === "ABORTED" || context.signal.aborted) throw error;
      outcome.state = "failed";
      outcome.error = {
        stage: stage.name,
        code: error.code,
        message: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      };
      stageContext.logger.error(
        { code: error.code, err: error.code === "INTERNAL" ? error : undefined },
        error.message,
      );
      return outcome;
    }
  }
  // A range that ends before the words leaves the audio for whoever makes them.
  if (!context.config["media.keep"] && range.some((stage) => stage.name === "transcription"))
    await dropTransient(files.mediaDir);
  return outcome;
}

async function runStage(
  stage: StageDescription,
  runner: StageRunner,
  context: StageContext,
  target: EpisodeContext,
  ledger: EpisodeLedger,
  fingerprint: string,
  outcome: EpisodeOutcome & { costUsd: number },
  options: EpisodeRunOptions,
): Promise<void> {
  const started = new Date();
  const clock = performance.now();
  const attempts = (ledger.record(stage.name)?.attempts ?? 0) + 1;
  options.emit({
    type: "stage_started",
    key: target.episode.key,
    stage: stage.name,
    index: options.index,
    total: options.total,
  });
  metrics.stageInProgress.inc({ stage: stage.name });
  const base = { method_version: stage.methodVersion, fingerprint, started: started.toISOString(), attempts };
  const elapsed = () => Math.round(performance.now() - clock) / 1000;
  try {
    const result = await runner.run(context, target);
    context.signal.throwIfAborted();
    const record = {
      ...base,
      state: result.state,
      duration_s: elapsed(),
      metrics: result.metrics ?? {},
      flags: result.flags ?? [],
      ...(result.costUsd ? { cost_usd: result.costUsd } : {}),
    };
    await ledger.note(stage.name, record, result.outputs);
    if (outcome.state === "unchanged") outcome.state = "processed";
    outcome.stages.push(stage.name);
    outcome.flags.push(...record.flags.filter((flag) => !outcome.flags.includes(flag)));
    outcome.costUsd += result.costUsd ?? 0;
    metrics.stageSeconds.observe({ stage: stage.name, outcome: result.state }, record.duration_s);
    context.logger.info({ seconds: record.duration_s, flags: record.flags }, `${stage.name} ${result.state}`);
    options.emit({
      type: "stage_finished",
      key: target.episode.key,
      stage: stage.name,
      seconds: record.duration_s,
      state: result.state,
      flags: record.flags,
    });
  } catch (raw) {
    const error = toAppError(raw);
    if (error.code !== "ABORTED" && !context.signal.aborted) {
      metrics.stageSeconds.observe({ stage: stage.name, outcome: "failed" }, elapsed());
      await ledger.note(
        stage.name,
        {
          ...base,
          state: "failed",
          duration_s: elapsed(),
          metrics: {},
          flags: [],
          error: { code: error.code, message: error.message },
        },
        [],
      );
    }
    throw error;
  } finally {
    metrics.stageInProgress.dec({ stage: stage.name });
  }
}

/** Whether the transient files of a stage are there; a stage without any always has them. */
async function present(folder: string, stage: StageDescription): Promise<boolean> {
  for (const name of stage.transient) {
    const [dir, base] = [join(folder, name, ".."), name.split("/").at(-1) as string];
    const names = await readdir(dir).catch(() => [] as string[]);
    const found = names.find((one) => one === base || (base === "audio" && /^audio\.(?!wav)/.test(one)));
    if (found === undefined || (await stat(join(dir, found))).size === 0) return false;
  }
  return true;
}

/** True when a later stage of the range that reads this one is not up to date. */
async function neededLater(
  later: readonly StageDescription[],
  stage: StageDescription,
  fingerprints: Map<string, string>,
  check: (stage: StageDescription) => Promise<boolean>,
): Promise<boolean> {
  if (stage.transient.length === 0) return false;
  const kept = new Map(fingerprints);
  let needed = false;
  const readers = new Set<string>([stage.name]);
  for (const candidate of later) {
    // What reads audio: the decoded form is made for diarization and transcription.
    const reads =
      candidate.reads.some((name) => readers.has(name)) ||
      (candidate.name === "transcription" && stage.name === "audio_preprocessing");
    const holds = await check(candidate);
    if (!reads) continue;
    if (candidate.transient.length > 0) readers.add(candidate.name);
    else if (!holds) needed = true;
  }
  for (const [name, value] of kept) fingerprints.set(name, value);
  return needed;
}

/** Audio goes once the words are there; parts of downloads and published transcripts stay. */
async function dropTransient(mediaDir: string): Promise<void> {
  for (const name of await readdir(mediaDir).catch(() => [] as string[])) {
    if (/^audio\./.test(name)) await removeQuietly(join(mediaDir, name));
  }
}
