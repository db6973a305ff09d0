import type { StageName } from "../plan/index.ts";

/** What a run tells whoever watches: the command line's panel, the monitor, tests. */
export type RunEvent =
  | { type: "run_started"; runId: string; feeds: number }
  | { type: "feed_read"; url: string; title: string; episodes: number }
  | { type: "feed_failed"; url: string; code: string; message: string }
  | { type: "episode_started"; key: string; title: string; index: number; total: number }
  | { type: "stage_started"; key: string; stage: StageName; index: number; total: number }
  | { type: "stage_progress"; key: string; stage: StageName; share: number }
  | {
      type: "stage_finished";
      key: string;
      stage: StageName;
      seconds: number;
      state: "done" | "skipped";
      flags: readonly string[];
    }
  | { type: "episode_finished"; key: string; title: string; outcome: EpisodeOutcome }
  | { type: "model"; message: string }
  | { type: "index_updated"; episodes: number; chunks: number }
  | { type: "run_finished"; result: RunResult };

export interface EpisodeOutcome {
  feed: string;
  episode: string;
  title: string;
  /** `unchanged`: every stage was up to date and nothing ran. */
  state: "processed" | "unchanged" | "failed";
  stages: string[];
  flags: string[];
  error?: { stage: string; code: string; message: string; hint?: string };
}

export interface RunResult {
  runId: string;
  exitCode: number;
  feeds: { url: string; title?: string; episodes: number; error?: { code: string; message: string; hint?: string } }[];
  episodes: EpisodeOutcome[];
  counts: { processed: number; unchanged: number; failed: number; feedsFailed: number };
  seconds: number;
  costUsd: number;
  index?: { episodes: number; chunks: number; semantic: boolean };
}

export type EventSink = (event: RunEvent) => void;
