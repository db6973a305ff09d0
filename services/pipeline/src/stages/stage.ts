import type { Config, HttpClient, Logger } from "@podcast/base";
import type { Episode, EpisodeLayout, EpisodeReader, Feed } from "@podcast/corpus";
import type { StageName } from "../plan/index.ts";
import type { LanguageModel } from "../providers/language-model.ts";
import type { ModelHub } from "../run/model-hub.ts";

/** What every stage may use. */
export interface StageContext {
  config: Config;
  http: HttpClient;
  models: ModelHub;
  languageModel: LanguageModel;
  logger: Logger;
  signal: AbortSignal;
  /** Share of the stage that is done, 0–1. */
  progress(share: number): void;
}

export interface EpisodeContext {
  feed: Feed;
  episode: Episode;
  files: EpisodeLayout;
  read: EpisodeReader;
}

/** What a stage says about its run. */
export interface StageOutcome {
  state: "done" | "skipped";
  /** Files written, below the episode's folder. */
  outputs: string[];
  metrics?: Record<string, number>;
  flags?: string[];
  costUsd?: number;
}

/** The function of a stage; its description stands in the plan. */
export interface StageRunner {
  name: StageName;
  /** Fetches what the stage needs and could not name before (models). Called only when the stage seems due. */
  prepare?(context: StageContext, episode: EpisodeContext): Promise<void>;
  /** Identity of models, services and inputs beside the stages that it reads; part of the fingerprint. */
  identity?(context: StageContext, episode: EpisodeContext): Promise<string>;
  run(context: StageContext, episode: EpisodeContext): Promise<StageOutcome>;
}
