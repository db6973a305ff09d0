import type { ColumnType, Generated, JSONColumnType } from "kysely";

type Time = ColumnType<Date, Date | string | undefined, Date | string>;
type NullableTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type Json<T extends object> = JSONColumnType<T, string | undefined, string>;
/** bigint columns are read as numbers: all of them are times in milliseconds or sizes in bytes. */
type Big = number;

export type Role = "admin" | "editor" | "viewer";
export const EPISODE_STATES = [
  "pending",
  "downloading",
  "transcribing",
  "enriching",
  "indexing",
  "projecting",
  "done",
  "failed",
  "paused",
  "cancelled",
] as const;
export type EpisodeState = (typeof EPISODE_STATES)[number];
export const JOB_STATES = ["queued", "running", "retrying", "done", "failed", "dead", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Tables of the platform; the migrations are their source. */
export interface Tables {
  tenants: { id: Generated<string>; slug: string; name: string; created_at: Time };
  users: {
    id: Generated<string>;
    issuer: string;
    subject: string;
    email: string | null;
    name: string | null;
    created_at: Time;
  };
  memberships: { tenant_id: string; user_id: string; role: Role; created_at: Time };
  api_keys: {
    id: Generated<string>;
    tenant_id: string;
    name: string;
    prefix: string;
    hash: string;
    role: Role;
    scopes: ColumnType<string[], string[] | undefined, string[]>;
    created_at: Time;
    expires_at: NullableTime;
    revoked_at: NullableTime;
    last_used_at: NullableTime;
  };
  feeds: {
    key: string;
    url: string;
    urls: string[];
    /** Keys that it had before its first reading gave it its own. */
    aliases: ColumnType<string[], string[] | undefined, string[]>;
    title: string;
    description: string | null;
    author: string | null;
    language: string | null;
    link: string | null;
    image: string | null;
    categories: ColumnType<string[], string[] | undefined, string[]>;
    enabled_for_all: Generated<boolean>;
    overrides: Json<Record<string, unknown>>;
    etag: string | null;
    last_modified: string | null;
    ttl_minutes: number | null;
    poll_interval_s: Generated<number>;
    next_poll_at: Time;
    last_polled_at: NullableTime;
    last_changed_at: NullableTime;
    failures: Generated<number>;
    error_code: string | null;
    error: string | null;
    created_at: Time;
  };
  episodes: {
    key: string;
    feed_key: string;
    guid: string;
    title: string;
    description: string | null;
    published: ColumnType<Date, Date | string, Date | string>;
    duration_ms: Big | null;
    link: string | null;
    image: string | null;
    audio_url: string | null;
    state: Generated<EpisodeState>;
    stage: string | null;
    flags: ColumnType<string[], string[] | undefined, string[]>;
    error_code: string | null;
    error: string | null;
    attempts: Generated<number>;
    next_retry_at: NullableTime;
    fingerprint: string | null;
    correlation_id: string | null;
    state_since: Time;
    created_at: Time;
    updated_at: Time;
  };
  artifacts: {
    episode_key: string;
    fingerprint: string;
    kind: string;
    path: string;
    bytes: Big;
    sha256: string;
    created_at: Time;
  };
  jobs: {
    id: Generated<string>;
    queue: string;
    name: string;
    dedupe: string;
    episode_key: string | null;
    feed_key: string | null;
    tenant_id: string | null;
    start_stage: string | null;
    end_stage: string | null;
    chain: Generated<boolean>;
    state: Generated<JobState>;
    stage: string | null;
    progress: Generated<number>;
    attempt: Generated<number>;
    crashes: Generated<number>;
    correlation_id: string;
    requested_by: string;
    payload: Json<Record<string, unknown>>;
    result: ColumnType<Record<string, unknown> | null, string | null | undefined, string | null>;
    worker_id: string | null;
    lease_until: NullableTime;
    cancel_requested: Generated<boolean>;
    run_after: Time;
    enqueued_at: NullableTime;
    created_at: Time;
    started_at: NullableTime;
    finished_at: NullableTime;
    advanced: Generated<boolean>;
    error_code: string | null;
    error: string | null;
  };
  job_events: {
    id: Generated<Big>;
    at: Time;
    job_id: string | null;
    episode_key: string | null;
    kind: string;
    from_state: string | null;
    to_state: string | null;
    stage: string | null;
    worker_id: string | null;
    correlation_id: string | null;
    detail: Json<Record<string, unknown>>;
  };
  dead_letters: {
    id: Generated<string>;
    job_id: string;
    queue: string;
    reason: string;
    error_code: string | null;
    error: string | null;
    attempts: number;
    created_at: Time;
    retried_at: NullableTime;
  };
  workers: {
    id: string;
    queues: string[];
    host: string;
    pid: number;
    version: string;
    state: string;
    current: Json<unknown[]>;
    started_at: Time;
    heartbeat_at: Time;
  };
  queues: { name: string; paused: Generated<boolean>; concurrency: number | null; updated_at: Time };
  summaries: {
    episode_key: string;
    fingerprint: string;
    provider: string;
    title: string;
    paragraph: string;
    bullets: string[];
  };
  segments: {
    episode_key: string;
    fingerprint: string;
    position: number;
    start_ms: Big;
    end_ms: Big;
    char_start: number;
    char_end: number;
    speaker: string | null;
    voice_type: string;
    text: string;
  };
  insights: {
    episode_key: string;
    fingerprint: string;
    id: string;
    rank: number;
    text: string;
    type: string;
    salience: number;
    topic: string | null;
    speaker: string | null;
    grounded: boolean;
  };
  quotes: {
    episode_key: string;
    fingerprint: string;
    id: string;
    text: string;
    char_start: number;
    char_end: number;
    start_ms: Big;
    end_ms: Big;
    speaker: string | null;
  };
  insight_support: { episode_key: string; fingerprint: string; insight_id: string; quote_id: string };
  kg_nodes: {
    episode_key: string;
    fingerprint: string;
    id: string;
    type: string;
    label: string;
    properties: Json<Record<string, unknown>>;
  };
  kg_edges: {
    episode_key: string;
    fingerprint: string;
    position: number;
    type: string;
    source: string;
    target: string;
    properties: Json<Record<string, unknown>>;
  };
  subscriptions: { tenant_id: string; feed_key: string; created_at: Time };
  entitlements: { tenant_id: string; feed_key: string; granted_by: string; created_at: Time };
  cursors: { tenant_id: string; feed_key: string; watermark: ColumnType<Date, Date | string, Date | string> };
  bookmarks: {
    id: Generated<string>;
    tenant_id: string;
    episode_key: string;
    position_ms: Big;
    title: Generated<string>;
    created_by: string;
    created_at: Time;
  };
  notes: {
    id: Generated<string>;
    tenant_id: string;
    episode_key: string;
    insight_id: string | null;
    body: string;
    created_by: string;
    created_at: Time;
    updated_at: Time;
  };
  labels: { tenant_id: string; episode_key: string; label: string; created_at: Time };
  digests: {
    id: Generated<string>;
    tenant_id: string;
    since: ColumnType<Date, Date | string, never>;
    until: ColumnType<Date, Date | string, never>;
    artifact: Json<Record<string, unknown>>;
    created_at: Time;
  };
  digest_preferences: { tenant_id: string; preferences: Json<Record<string, unknown>>; updated_at: Time };
  idempotency_keys: {
    tenant_id: string;
    key: string;
    request_hash: string;
    status: number | null;
    body: ColumnType<unknown, string | null | undefined, string | null>;
    created_at: Time;
  };
  settings: {
    key: string;
    value: ColumnType<unknown, string, string>;
    version: Generated<number>;
    updated_at: Time;
    updated_by: string;
  };
  settings_history: {
    id: Generated<Big>;
    key: string;
    old_value: ColumnType<unknown, string | null | undefined, never>;
    new_value: ColumnType<unknown, string | null | undefined, never>;
    version: number;
    at: Time;
    by: string;
    correlation_id: string | null;
  };
  audit: {
    id: Generated<Big>;
    at: Time;
    actor: string;
    tenant_id: string | null;
    method: string;
    route: string;
    target: string | null;
    status: number;
    correlation_id: string;
  };
  readable_feeds: { key: string };
}
