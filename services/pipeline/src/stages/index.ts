import { AppError } from "@podcast/base";
import { STAGES, type StageName } from "../plan/index.ts";
import { audioPreprocessing } from "./audio-preprocessing.ts";
import { diarization } from "./diarization.ts";
import { giGeneration } from "./gi-generation.ts";
import { kgExtraction } from "./kg-extraction.ts";
import { mediaDownload } from "./media-download.ts";
import { rssFeedFetch } from "./rss-feed-fetch.ts";
import { speakerDetection } from "./speaker-detection.ts";
import type { StageRunner } from "./stage.ts";
import { summarization } from "./summarization.ts";
import { transcriptCleaning } from "./transcript-cleaning.ts";
import { transcription } from "./transcription.ts";
import { vectorIndexing } from "./vector-indexing.ts";

const RUNNERS: readonly StageRunner[] = [
  rssFeedFetch,
  mediaDownload,
  audioPreprocessing,
  diarization,
  transcription,
  transcriptCleaning,
  speakerDetection,
  summarization,
  giGeneration,
  kgExtraction,
  vectorIndexing,
];

/** Functions of all stages by name. Start-up fails when the plan and the functions do not match one to one. */
export const STAGE_RUNNERS: ReadonlyMap<StageName, StageRunner> = register();

function register(): Map<StageName, StageRunner> {
  const map = new Map<StageName, StageRunner>();
  for (const runner of RUNNERS) {
    if (map.has(runner.name)) throw new AppError("INTERNAL", `The stage ${runner.name} is registered twice.`);
    map.set(runner.name, runner);
  }
  const missing = STAGES.filter((stage) => !map.has(stage.name)).map((stage) => stage.name);
  if (missing.length > 0) throw new AppError("INTERNAL", `These stages have no function: ${missing.join(", ")}.`);
  return map;
}
