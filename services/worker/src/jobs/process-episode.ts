import { AppError } from "@podcast/base";
import { type EpisodeOutcome, isStageName, runEpisode, type StageName } from "@podcast/pipeline";
import { type EpisodeState, moveEpisode } from "@podcast/platform";
import type { JobKind, WorkContext } from "./job.ts";

/** What an episode is doing while a stage runs. */
const STATE_OF: Record<StageName, EpisodeState> = {
  rss_feed_fetch: "downloading",
  media_download: "downloading",
  audio_preprocessing: "transcribing",
  diarization: "transcribing",
  transcription: "transcribing",
  transcript_cleaning: "enriching",
  speaker_detection: "enriching",
  summarization: "enriching",
  gi_generation: "enriching",
  kg_extraction: "enriching",
  vector_indexing: "indexing",
};

/** Runs a range of stages of one episode: all of them, or those of one pool. */
export const processEpisode: JobKind = {
  name: "process_episode",
  async run(context: WorkContext) {
    const { job, corpus, database, config, http, models, languageModel, logger, signal } = context;
    const key = job.episode_key as string;
    const row = await database.db
      .selectFrom("episodes")
      .innerJoin("feeds", "feeds.key", "episodes.feed_key")
      .select(["episodes.feed_key", "feeds.overrides"])
      .where("episodes.key", "=", key)
      .executeTakeFirst();
    if (row === undefined) return { result: { gone: true } };
    const reader = corpus.open({ feed: row.feed_key, episode: key });
    const [feed, episode] = [(await corpus.feeds()).find((one) => one.key === row.feed_key), await reader.metadata()];
    if (feed === undefined || episode === undefined)
      throw new AppError("ARTIFACT_MISSING", `${key} is in the catalogue, but its files are gone.`, {
        hint: "Poll its feed again: that writes them anew.",
      });
    const moves: Promise<unknown>[] = [];
    const enter = (stage: StageName) =>
      database.db.transaction().execute((tx) =>
        moveEpisode(tx, key, STATE_OF[stage], {
          stage,
          jobId: job.id,
          workerId: context.workerId,
          correlationId: job.correlation_id,
          error: null,
        }),
      );
    const outcome: EpisodeOutcome & { costUsd: number } = await runEpisode(
      feed,
      episode,
      corpus.layout,
      { config: { ...config, ...row.overrides }, http, models, languageModel, logger, signal },
      {
        startStage: stageOf(job.start_stage),
        endStage: stageOf(job.end_stage),
        index: 1,
        total: 1,
        emit: (event) => {
          if (event.type === "stage_started") {
            context.progress(event.stage, 0);
            moves.push(enter(event.stage).catch((error) => logger.warn({ err: error }, "state was not noted")));
          } else if (event.type === "stage_progress") context.progress(event.stage, event.share);
        },
      },
    );
    await Promise.all(moves);
    if (outcome.error) {
      const { code, message, hint, stage } = outcome.error;
      const error = new AppError(code as AppError["code"], message, hint === undefined ? {} : { hint });
      throw Object.assign(error, { stage });
    }
    return {
      result: { state: outcome.state, stages: outcome.stages, flags: outcome.flags, cost_usd: outcome.costUsd },
    };
  },
};

function stageOf(name: string | null): StageName | undefined {
  return name !== null && isStageName(name) ? name : undefined;
}
