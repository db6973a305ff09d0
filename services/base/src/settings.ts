import { z } from "zod";

/** How one setting is read, checked and explained. */
export interface Setting<T extends z.ZodType = z.ZodType> {
  schema: T;
  default: z.output<T>;
  /** Name in the environment; a secret is also read from `NAME_FILE`. */
  env?: string;
  secret?: boolean;
  about: string;
}

function setting<T extends z.ZodType>(
  schema: T,
  fallback: z.output<T>,
  about: string,
  more: { env?: string; secret?: boolean } = {},
): Setting<T> {
  return { schema, default: fallback, about, ...more };
}

const text = z.string();
const optional = z.string().optional();
const flag = z.union([
  z.boolean(),
  z
    .enum(["true", "false", "1", "0", "yes", "no", "on", "off"])
    .transform((word) => ["true", "1", "yes", "on"].includes(word)),
]);
const whole = z.coerce.number().int().nonnegative();
const positive = z.coerce.number().positive();
const share = z.coerce.number().min(0).max(1);
const list = z.union([
  z.array(z.string()),
  z.string().transform((value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean),
  ),
]);
const date = z
  .string()
  .refine(
    (value) => !Number.isNaN(Date.parse(value)) || /^\d+[dwh]$/.test(value),
    "is neither a date (2026-01-31) nor an age (7d, 2w, 12h)",
  );
const pattern = z.string().refine(compiles, "is not a valid regular expression");

function compiles(source: string): boolean {
  try {
    new RegExp(source, "iu");
    return true;
  } catch {
    return false;
  }
}

/**
 * Every setting of the command line and the services: one table, flat keys (a YAML file may nest them).
 * A stage names the keys that it reads; their values are part of its fingerprint.
 */
export const SETTINGS = {
  dataDir: setting(text, "./data", "Folder of everything this program keeps", { env: "DATA_DIR" }),
  corpus: setting(optional, undefined, "Folder of the corpus; default: corpus/ in the data folder", {
    env: "CORPUS_DIR",
  }),
  "models.cache": setting(optional, undefined, "Folder of downloaded models; default: models/ in the data folder", {
    env: "MODEL_CACHE_DIR",
  }),
  "models.mirror": setting(optional, undefined, "Folder or URL that holds models, tried before their usual hosts", {
    env: "MODEL_MIRROR",
  }),
  "models.offline": setting(flag, false, "Never fetch a model; use what is in the cache", { env: "MODELS_OFFLINE" }),
  "models.warm": setting(flag, false, "A worker loads its pool's models when it starts, not with its first job", {
    env: "WARM_MODELS",
  }),
  "models.idleS": setting(
    whole,
    900,
    "A worker unloads models that were not used for so long, seconds; 0: keeps them",
    { env: "MODELS_IDLE_SECONDS" },
  ),
  "log.level": setting(
    z.enum(["trace", "debug", "info", "warn", "error", "silent"]),
    "info",
    "Least severe log line that is written",
    { env: "LOG_LEVEL" },
  ),
  "log.json": setting(flag, false, "Log lines as JSON", { env: "JSON_LOGS" }),
  "log.file": setting(optional, undefined, "Write log lines to this file instead of stderr", { env: "LOG_FILE" }),
  allowHosts: setting(list, [], "Private hosts (HOST or HOST:PORT) that feeds may reach", { env: "ALLOW_HOSTS" }),
  monitor: setting(flag, false, "Live monitor of the run: stage, time, memory, CPU"),
  "monitor.fileLog": setting(flag, false, "Write the monitor's lines to .monitor.log even on a terminal", {
    env: "PODCAST_SCRAPER_MONITOR_FILE_LOG",
  }),
  heapProfile: setting(flag, false, "Write a sampled heap profile of the run under debug/"),
  opml: setting(optional, undefined, "OPML file with more feeds"),
  "select.since": setting(
    date.optional(),
    undefined,
    "Only episodes published on or after this date, or this age (7d)",
  ),
  "select.until": setting(date.optional(), undefined, "Only episodes published on or before this date"),
  "select.order": setting(z.enum(["newest", "oldest"]), "newest", "Which end of the feed comes first"),
  "select.offset": setting(whole, 0, "Episodes to pass over"),
  "select.max": setting(whole.optional(), undefined, "Most episodes a feed"),
  "select.title": setting(pattern.optional(), undefined, "Only episodes whose title matches this regular expression"),
  "feeds.maxBytes": setting(positive, 64 * 2 ** 20, "Largest feed that is read, bytes"),
  "feeds.maxPages": setting(positive, 50, "Most pages of a paged feed"),
  "feeds.concurrency": setting(positive, 4, "Feeds read at the same time"),
  "download.maxBytes": setting(positive, 2 * 2 ** 30, "Largest audio file, bytes"),
  "download.timeoutS": setting(positive, 1800, "Longest download of one file, seconds"),
  "download.retries": setting(whole, 3, "Tries after a failure that may pass"),
  "download.concurrency": setting(positive, 2, "Downloads at the same time"),
  "media.keep": setting(flag, false, "Keep the downloaded audio in the corpus"),
  "media.maxHours": setting(positive, 12, "Longest episode that is processed, hours"),
  language: setting(text, "auto", "Language spoken (two letters), or auto", { env: "LANGUAGE_SPOKEN" }),
  "transcription.provider": setting(
    z.enum(["local", "openai"]),
    "local",
    "Who transcribes: whisper.cpp here, or an OpenAI-compatible service",
    { env: "TRANSCRIPTION_PROVIDER" },
  ),
  "transcription.model": setting(
    text,
    "auto",
    "Whisper model: an id of the catalogue, or auto for what this machine can run",
    { env: "WHISPER_MODEL" },
  ),
  "transcription.published": setting(flag, true, "Use a transcript that the feed publishes"),
  "transcription.beam": setting(positive, 5, "Beam width of the decoder"),
  "transcription.threads": setting(whole, 0, "Threads of the decoder; 0: as many as there are cores, at most 8", {
    env: "WHISPER_THREADS",
  }),
  "transcription.repair": setting(flag, true, "Decode doubtful stretches again, another way"),
  "transcription.baseUrl": setting(optional, undefined, "Address of the transcription service", {
    env: "TRANSCRIPTION_BASE_URL",
  }),
  "transcription.apiKey": setting(optional, undefined, "Key of the transcription service", {
    env: "TRANSCRIPTION_API_KEY",
    secret: true,
  }),
  "transcription.maxUploadBytes": setting(
    positive,
    24 * 2 ** 20,
    "Largest upload that the transcription service takes, bytes",
  ),
  "diarization.enabled": setting(
    z.enum(["auto", "on", "off"]),
    "auto",
    "Tell voices apart; auto: where its models can be had",
  ),
  "diarization.speakers": setting(positive.optional(), undefined, "Number of voices, where it is known"),
  "cleaning.maxShare": setting(share, 0.4, "Most of an episode that may be marked as advertising"),
  "summary.provider": setting(z.enum(["local", "llm"]), "local", "Who writes summaries", { env: "SUMMARY_PROVIDER" }),
  "summary.bullets": setting(positive, 8, "Most bullets of a summary"),
  "insights.provider": setting(z.enum(["local", "llm"]), "local", "Who finds insights", { env: "INSIGHTS_PROVIDER" }),
  "insights.max": setting(positive, 12, "Most insights an episode"),
  "graph.provider": setting(z.enum(["local", "llm"]), "local", "Who finds topics and entities", {
    env: "GRAPH_PROVIDER",
  }),
  "graph.topics": setting(positive, 12, "Most topics an episode"),
  "embedding.model": setting(text, "auto", "Embedding model: an id of the catalogue, auto, or none", {
    env: "EMBEDDING_MODEL",
  }),
  "index.backend": setting(z.enum(["usearch", "faiss"]), "usearch", "Vector store"),
  "index.chunkTokens": setting(positive, 120, "Words of one chunk of the search index, about"),
  "server.host": setting(text, "127.0.0.1", "Address that the API listens on; any other than loopback needs a key", {
    env: "SERVER_HOST",
  }),
  "server.port": setting(whole, 8100, "Port of the API", { env: "SERVER_PORT" }),
  "server.viewer": setting(flag, true, "Serve the console beside the API", { env: "ENABLE_VIEWER" }),
  "server.platform": setting(flag, false, "Catalogue, tenants, jobs: needs a database", { env: "ENABLE_PLATFORM" }),
  "server.trustProxy": setting(flag, false, "Believe X-Forwarded-* (only behind a proxy of your own)", {
    env: "TRUST_PROXY",
  }),
  "server.rateLimit": setting(whole, 600, "Requests a minute and client; 0: no limit", { env: "RATE_LIMIT" }),
  "server.requestTimeoutS": setting(positive, 30, "Longest time that a client may take to send its request, seconds", {
    env: "REQUEST_TIMEOUT_SECONDS",
  }),
  "platform.tier": setting(
    z.enum(["simple", "split"]),
    "simple",
    "One job an episode (simple), or one a group of stages (split)",
    { env: "PLATFORM_TIER" },
  ),
  "platform.backlog": setting(
    whole,
    10,
    "Newest episodes of a new feed that are processed by themselves; older on request",
    {
      env: "FEED_BACKLOG",
    },
  ),
  "platform.pollMinS": setting(positive, 900, "Shortest time between two polls of a feed, seconds", {
    env: "POLL_MIN_SECONDS",
  }),
  "platform.retryBaseS": setting(
    positive,
    30,
    "Wait before the first retry of a failed job, seconds; then four times that",
    {
      env: "RETRY_BASE_SECONDS",
    },
  ),
  "platform.leaseS": setting(positive, 45, "Seconds after which a silent worker loses its job"),
  "database.url": setting(optional, undefined, "Postgres of the platform (postgres://owner:password@host/database)", {
    env: "DATABASE_URL",
    secret: true,
  }),
  "postgres.host": setting(optional, undefined, "Host of Postgres, where DATABASE_URL is not set", {
    env: "POSTGRES_HOST",
  }),
  "postgres.port": setting(whole, 5432, "Port of Postgres", { env: "POSTGRES_PORT" }),
  "postgres.user": setting(text, "podcast", "Owner of the database", { env: "POSTGRES_USER" }),
  "postgres.password": setting(optional, undefined, "Password of the owner", {
    env: "POSTGRES_PASSWORD",
    secret: true,
  }),
  "postgres.db": setting(text, "podcast", "Name of the database", { env: "POSTGRES_DB" }),
  "queue.url": setting(optional, undefined, "Queue (redis:// or postgres://); default: REDIS_URL, else the database", {
    env: "QUEUE_URL",
    secret: true,
  }),
  "redis.url": setting(optional, undefined, "Redis of the queues", { env: "REDIS_URL", secret: true }),
  "worker.queues": setting(optional, undefined, "Queues of a worker and their concurrency: ingest:4,heavy:1", {
    env: "QUEUES",
  }),
  "worker.concurrency": setting(whole.optional(), undefined, "Jobs at once of a queue that names no number", {
    env: "WORKER_CONCURRENCY",
  }),
  "worker.port": setting(whole, 0, "Port of a worker's health and metrics; 0: any free one", { env: "WORKER_PORT" }),
  "worker.graceS": setting(positive, 120, "How long a stopping worker may finish its job, seconds", {
    env: "WORKER_GRACE_SECONDS",
  }),
  "auth.apiKey": setting(optional, undefined, "Key of the API with all rights", { env: "AUTH_API_KEY", secret: true }),
  "oidc.issuer": setting(optional, undefined, "Address of the OIDC provider whose tokens are taken", {
    env: "OIDC_ISSUER",
  }),
  "oidc.audience": setting(optional, undefined, "Audience that tokens must name", { env: "OIDC_AUDIENCE" }),
  "oidc.jwksUrl": setting(optional, undefined, "Keys of the provider; default: by its discovery document", {
    env: "OIDC_JWKS_URL",
  }),
  "oidc.roleClaim": setting(text, "role", "Claim that holds admin, editor or viewer", { env: "OIDC_ROLE_CLAIM" }),
  "oidc.tenantClaim": setting(text, "tenant", "Claim that holds the tenant's short name", { env: "OIDC_TENANT_CLAIM" }),
  "loki.url": setting(optional, undefined, "Loki that log lines are sent to as well", { env: "LOKI_URL" }),
  "digest.cron": setting(text, "0 6 * * *", "When digests are made (cron)", { env: "DIGEST_CRON" }),
  "smtp.url": setting(optional, undefined, "Mail server of digests (smtp://user:password@host:587)", {
    env: "SMTP_URL",
    secret: true,
  }),
  "smtp.from": setting(text, "Podcast Appliance <podcast@localhost>", "Sender of digests", { env: "SMTP_FROM" }),
  "webhook.secret": setting(optional, undefined, "Key that signs webhooks", { env: "WEBHOOK_SECRET", secret: true }),
  samples: setting(z.enum(["on", "off"]), "on", "Subscribe the box to the sample feeds when it starts empty", {
    env: "SAMPLES",
  }),
  "samples.feeds": setting(list, [], "Addresses of feeds that the console offers to an empty box", {
    env: "SAMPLE_FEEDS",
  }),
  "faro.url": setting(z.url().optional(), undefined, "Collector that the console reports errors and web vitals to", {
    env: "FARO_URL",
  }),
  "llm.preset": setting(
    z.enum(["openai", "gemini", "anthropic", "mistral", "deepseek", "grok", "ollama", "custom"]),
    "ollama",
    "Which language model service",
    { env: "LLM_PRESET" },
  ),
  "llm.baseUrl": setting(optional, undefined, "Address of the language model service; default: the preset's", {
    env: "LLM_BASE_URL",
  }),
  "llm.model": setting(optional, undefined, "Language model; default: the preset's", { env: "LLM_MODEL" }),
  "llm.apiKey": setting(optional, undefined, "Key of the language model service; default: the preset's own variable", {
    env: "LLM_API_KEY",
    secret: true,
  }),
  "llm.retries": setting(whole, 2, "Tries after an answer that cannot be used"),
  "llm.timeoutS": setting(positive, 180, "Longest wait for one answer, seconds"),
  "llm.maxOutputTokens": setting(positive, 2048, "Most tokens of one answer"),
  "llm.contextTokens": setting(positive, 16384, "Tokens that the model reads at once"),
  "llm.budgetUsd": setting(
    positive.optional(),
    undefined,
    "Most that one run may spend on language models, US dollars",
    { env: "LLM_BUDGET_USD" },
  ),
  "llm.budgetTokens": setting(positive.optional(), undefined, "Most tokens that one run may use", {
    env: "LLM_BUDGET_TOKENS",
  }),
  "keys.openai": setting(optional, undefined, "OpenAI key", { env: "OPENAI_API_KEY", secret: true }),
  "keys.gemini": setting(optional, undefined, "Gemini key", { env: "GEMINI_API_KEY", secret: true }),
  "keys.anthropic": setting(optional, undefined, "Anthropic key", { env: "ANTHROPIC_API_KEY", secret: true }),
  "keys.mistral": setting(optional, undefined, "Mistral key", { env: "MISTRAL_API_KEY", secret: true }),
  "keys.deepseek": setting(optional, undefined, "DeepSeek key", { env: "DEEPSEEK_API_KEY", secret: true }),
  "keys.grok": setting(optional, undefined, "Grok key", { env: "GROK_API_KEY", secret: true }),
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof SETTINGS;

/** All settings with their final values. */
export type Config = { [K in SettingKey]: z.output<(typeof SETTINGS)[K]["schema"]> };
