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
  queueDepth: new Gauge({ name: "queue_depth", help: "Jobs that wait", labelNames: ["queue"], registers: [registry] }),
  queueSeconds: new Histogram({
    name: "queue_processing_time",
    help: "Seconds from the start to the end of a job",
    labelNames: ["queue"],
    buckets: [0.05, 0.2, 1, 5, 15, 60, 300, 1200, 3600],
    registers: [registry],
  }),
  jobAttempts: new Counter({
    name: "job_attempts_total",
    help: "Tries of jobs by how they ended",
    labelNames: ["queue", "outcome"],
    registers: [registry],
  }),
  leaseLost: new Counter({ name: "job_lease_lost_total", help: "Jobs whose lease ended", registers: [registry] }),
  deadLetters: new Gauge({
    name: "dead_letter_depth",
    help: "Jobs that were given up",
    labelNames: ["queue"],
    registers: [registry],
  }),
  workersActive: new Gauge({
    name: "workers_active",
    help: "Workers with a recent sign of life",
    labelNames: ["queue"],
    registers: [registry],
  }),
  episodes: new Gauge({ name: "episodes", help: "Episodes by state", labelNames: ["state"], registers: [registry] }),
  episodeAge: new Gauge({
    name: "episode_state_age_seconds_max",
    help: "Longest time that an episode has been in a state",
    labelNames: ["state"],
    registers: [registry],
  }),
  feedAge: new Gauge({
    name: "feed_poll_age_seconds_max",
    help: "Longest time since a followed feed was polled",
    registers: [registry],
  }),
  artifacts: new Gauge({ name: "artifacts", help: "Artifacts by kind", labelNames: ["kind"], registers: [registry] }),
  artifactBytes: new Gauge({
    name: "artifact_bytes",
    help: "Bytes of artifacts by kind",
    labelNames: ["kind"],
    registers: [registry],
  }),
  digestAge: new Gauge({ name: "digest_age_seconds", help: "Age of the newest digest", registers: [registry] }),
  episodesProcessed: new Counter({
    name: "episodes_processed_total",
    help: "Episodes that finished a stage",
    labelNames: ["stage"],
    registers: [registry],
  }),
  episodeStage: new Histogram({
    name: "episode_stage_duration_seconds",
    help: "Duration of one stage of one episode",
    labelNames: ["stage"],
    buckets: [0.05, 0.2, 1, 5, 15, 60, 300, 1200, 3600],
    registers: [registry],
  }),
  requestSeconds: new Histogram({
    name: "api_request_duration_seconds",
    help: "Duration of requests by route",
    labelNames: ["path"],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers: [registry],
  }),
  requests: new Counter({
    name: "api_requests_total",
    help: "Requests by route and status",
    labelNames: ["path", "status"],
    registers: [registry],
  }),
  vectorIndexSize: new Gauge({ name: "vector_index_size", help: "Chunks in the search index", registers: [registry] }),
  modelInfo: new Gauge({
    name: "model_info",
    help: "Models in use",
    labelNames: ["capability", "model"],
    registers: [registry],
  }),
  modelLoadFailures: new Counter({
    name: "model_load_failures_total",
    help: "Models that could not be loaded",
    labelNames: ["capability"],
    registers: [registry],
  }),
};
