import type { Config, HttpClient, Logger } from "@podcast/base";
import type { Corpus } from "@podcast/corpus";
import type { LanguageModel, ModelHub } from "@podcast/pipeline";
import type { ClaimedJob, Database, Tx } from "@podcast/platform";

/** What every job function may use. */
export interface WorkContext {
  job: ClaimedJob;
  workerId: string;
  database: Database;
  corpus: Corpus;
  config: Config;
  http: HttpClient;
  models: ModelHub;
  languageModel: LanguageModel;
  logger: Logger;
  signal: AbortSignal;
  /** Tells how far the work is; also a sign of life. */
  progress(stage: string, share: number): void;
}

export interface WorkResult {
  result?: Record<string, unknown>;
  /** Written in the same transaction as the job's end. */
  commit?: (tx: Tx) => Promise<void>;
}

/** One kind of work; jobs/ has a file for each. */
export interface JobKind {
  name: string;
  run(context: WorkContext): Promise<WorkResult>;
}
