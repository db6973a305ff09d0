import type { SettingKey } from "@podcast/base";

/** Hardware that a stage wants: it decides the queue and the pool. */
export type ResourceProfile = "io" | "gpu" | "ml" | "db";

/** A stage without its function: what the scheduler and the API may know of it. */
export interface StageDescription {
  name: StageName;
  profile: ResourceProfile;
  /** Stages whose results it reads; their fingerprints are part of its own. */
  reads: readonly StageName[];
  /** Files that it writes, below the episode's folder. */
  writes: readonly string[];
  /** Files that may go once nobody needs them. */
  transient: readonly string[];
  /** Settings that change its result. */
  config: readonly SettingKey[];
  /** Raised whenever the same input would give another result. */
  methodVersion: number;
}

export const STAGE_NAMES = [
  "rss_feed_fetch",
  "media_download",
  "audio_preprocessing",
  "diarization",
  "transcription",
  "transcript_cleaning",
  "speaker_detection",
  "summarization",
  "gi_generation",
  "kg_extraction",
  "vector_indexing",
] as const;
export type StageName = (typeof STAGE_NAMES)[number];

const LLM: readonly SettingKey[] = ["llm.preset", "llm.baseUrl", "llm.model"];

/** All stages in the order in which they run. */
export const STAGES: readonly StageDescription[] = [
  {
    name: "rss_feed_fetch",
    profile: "io",
    reads: [],
    writes: ["episode.json"],
    transient: [],
    config: [],
    methodVersion: 1,
  },
  {
    name: "media_download",
    profile: "io",
    reads: [],
    writes: ["media/source.json"],
    transient: ["media/audio"],
    config: ["transcription.published", "media.keep"],
    methodVersion: 1,
  },
  {
    name: "audio_preprocessing",
    profile: "gpu",
    reads: ["media_download"],
    writes: [],
    transient: ["media/audio.wav"],
    config: ["media.maxHours"],
    methodVersion: 1,
  },
  {
    name: "diarization",
    profile: "gpu",
    reads: ["audio_preprocessing"],
    writes: ["turns.json"],
    transient: [],
    config: ["diarization.enabled", "diarization.speakers"],
    methodVersion: 1,
  },
  {
    name: "transcription",
    profile: "gpu",
    reads: ["media_download", "diarization"],
    writes: ["asr.json"],
    transient: [],
    config: [
      "language",
      "transcription.provider",
      "transcription.baseUrl",
      "transcription.beam",
      "transcription.repair",
    ],
    methodVersion: 1,
  },
  {
    name: "transcript_cleaning",
    profile: "ml",
    reads: ["transcription"],
    writes: ["cuts.json"],
    transient: [],
    config: ["cleaning.maxShare"],
    methodVersion: 1,
  },
  {
    name: "speaker_detection",
    profile: "ml",
    reads: ["rss_feed_fetch", "diarization", "transcription", "transcript_cleaning"],
    writes: ["transcript.json", "transcript.txt", "transcript.vtt"],
    transient: [],
    config: [],
    methodVersion: 1,
  },
  {
    name: "summarization",
    profile: "ml",
    reads: ["transcript_cleaning", "speaker_detection"],
    writes: ["summary.json"],
    transient: [],
    config: ["summary.provider", "summary.bullets", ...LLM],
    methodVersion: 1,
  },
  {
    name: "gi_generation",
    profile: "ml",
    reads: ["transcript_cleaning", "speaker_detection"],
    writes: ["gi.json"],
    transient: [],
    config: ["insights.provider", "insights.max", "graph.topics", ...LLM],
    methodVersion: 1,
  },
  {
    name: "kg_extraction",
    profile: "ml",
    reads: ["transcript_cleaning", "speaker_detection", "gi_generation"],
    writes: ["kg.json"],
    transient: [],
    config: ["graph.provider", "graph.topics", ...LLM],
    methodVersion: 1,
  },
  {
    name: "vector_indexing",
    profile: "ml",
    reads: ["speaker_detection", "summarization", "gi_generation"],
    writes: ["chunks.json"],
    transient: [],
    config: ["index.chunkTokens"],
    methodVersion: 1,
  },
];

export type Tier = "simple" | "split";

/** The stages of an episode as jobs, by tier: one job for all, or one for each pool (contracts.md, queues). */
export const CHAIN_STAGES: Record<
  Tier,
  readonly { queue: "heavy" | "ingest" | "transcribe" | "enrich" | "index"; start: StageName; end: StageName }[]
> = {
  simple: [{ queue: "heavy", start: "rss_feed_fetch", end: "vector_indexing" }],
  split: [
    { queue: "ingest", start: "rss_feed_fetch", end: "media_download" },
    { queue: "transcribe", start: "audio_preprocessing", end: "transcription" },
    { queue: "enrich", start: "transcript_cleaning", end: "kg_extraction" },
    { queue: "index", start: "vector_indexing", end: "vector_indexing" },
  ],
};

/** Stages from `start` to `end`, both included. */
export function stageRange(start: StageName | undefined, end: StageName | undefined): readonly StageDescription[] {
  const from = start === undefined ? 0 : STAGE_NAMES.indexOf(start);
  const to = end === undefined ? STAGE_NAMES.length - 1 : STAGE_NAMES.indexOf(end);
  return STAGES.slice(from, to + 1);
}

export function isStageName(name: string): name is StageName {
  return (STAGE_NAMES as readonly string[]).includes(name);
}
