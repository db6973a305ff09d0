import { Counter, Gauge, Histogram, Registry } from "prom-client";

export { Counter, Gauge, Histogram, Registry } from "prom-client";

/** The process's metrics; names are those of contracts.md, base units, no user text in labels. */
export const registry = new Registry();

export const metrics = {
  stageSeconds: new Histogram({
    name: "stage_duration_seconds",
    help: "Duration of one stage of one episode",
    labelNames: ["stage", "outcome"],
    buckets: [0.05, 0.2, 1, 5, 15, 60, 300, 1200, 3600],
    registers: [registry],
  }),
  stageInProgress: new Gauge({
    name: "stage_in_progress",
    help: "Stages that run now",
    labelNames: ["stage"],
    registers: [registry],
  }),
  audioSeconds: new Counter({
    name: "audio_seconds_processed_total",
    help: "Audio transcribed",
    registers: [registry],
  }),
  realtimeFactor: new Gauge({
    name: "transcription_realtime_factor",
    help: "Audio seconds transcribed a second",
    registers: [registry],
  }),
  llmCost: new Counter({
    name: "llm_cost_usd_total",
    help: "Spent on language models",
    labelNames: ["provider", "capability"],
    registers: [registry],
  }),
  modelLoadFailures: new Counter({
    name: "model_load_failures_total",
    help: "Models that could not be loaded",
    labelNames: ["capability"],
    registers: [registry],
  }),
};
