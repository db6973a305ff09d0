import { type Kysely, sql } from "kysely";

/** Work: the truth about what is to be done, runs, is done. The queue only wakes workers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE jobs (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      queue text NOT NULL,
      name text NOT NULL,
      dedupe text NOT NULL,
      episode_key text REFERENCES episodes ON DELETE CASCADE,
      feed_key text REFERENCES feeds ON UPDATE CASCADE ON DELETE CASCADE,
      tenant_id uuid REFERENCES tenants ON DELETE CASCADE,
      start_stage text,
      end_stage text,
      chain boolean NOT NULL DEFAULT true,
      state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued','running','retrying','done','failed','dead','cancelled')),
      stage text,
      progress real NOT NULL DEFAULT 0,
      attempt integer NOT NULL DEFAULT 1,
      crashes integer NOT NULL DEFAULT 0,
      correlation_id text NOT NULL,
      requested_by text NOT NULL,
      payload jsonb NOT NULL DEFAULT '{}',
      result jsonb,
      worker_id text,
      lease_until timestamptz,
      cancel_requested boolean NOT NULL DEFAULT false,
      run_after timestamptz NOT NULL DEFAULT now(),
      enqueued_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      started_at timestamptz,
      finished_at timestamptz,
      advanced boolean NOT NULL DEFAULT false,
      error_code text,
      error text
    )`.execute(db);
  // The same work waits or runs once, whoever asks for it.
  await sql`CREATE UNIQUE INDEX jobs_once ON jobs (dedupe) WHERE state IN ('queued','running','retrying')`.execute(db);
  await sql`CREATE INDEX jobs_newest ON jobs (created_at DESC, id DESC)`.execute(db);
  await sql`CREATE INDEX jobs_open ON jobs (state, run_after) WHERE state IN ('queued','running','retrying')`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_to_advance ON jobs (finished_at) WHERE NOT advanced AND state IN ('done','failed')`.execute(
    db,
  );
  await sql`CREATE INDEX jobs_of_episode ON jobs (episode_key, created_at)`.execute(db);
  await sql`CREATE INDEX jobs_correlation ON jobs (correlation_id)`.execute(db);
  await sql`
    CREATE TABLE job_events (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      job_id uuid REFERENCES jobs ON DELETE CASCADE,
      episode_key text,
      kind text NOT NULL,
      from_state text,
      to_state text,
      stage text,
      worker_id text,
      correlation_id text,
      detail jsonb NOT NULL DEFAULT '{}'
    )`.execute(db);
  await sql`CREATE INDEX job_events_of_job ON job_events (job_id, id)`.execute(db);
  await sql`CREATE INDEX job_events_of_episode ON job_events (episode_key, id)`.execute(db);
  await sql`
    CREATE TABLE dead_letters (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
      queue text NOT NULL,
      reason text NOT NULL,
      error_code text,
      error text,
      attempts integer NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      retried_at timestamptz
    )`.execute(db);
  await sql`CREATE UNIQUE INDEX dead_letters_open ON dead_letters (job_id) WHERE retried_at IS NULL`.execute(db);
  await sql`
    CREATE TABLE workers (
      id text PRIMARY KEY,
      queues text[] NOT NULL,
      host text NOT NULL,
      pid integer NOT NULL,
      version text NOT NULL,
      state text NOT NULL,
      current jsonb NOT NULL DEFAULT '[]',
      started_at timestamptz NOT NULL DEFAULT now(),
      heartbeat_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE TABLE queues (
      name text PRIMARY KEY,
      paused boolean NOT NULL DEFAULT false,
      concurrency integer CHECK (concurrency BETWEEN 1 AND 64),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE FUNCTION notify_platform() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('podcast_events', json_build_object('id', NEW.id, 'kind', NEW.kind, 'job', NEW.job_id,
        'episode', NEW.episode_key, 'from', NEW.from_state, 'to', NEW.to_state, 'stage', NEW.stage, 'at', NEW.at)::text);
      RETURN NULL;
    END $$`.execute(db);
  await sql`CREATE TRIGGER job_events_notify AFTER INSERT ON job_events FOR EACH ROW EXECUTE FUNCTION notify_platform()`.execute(
    db,
  );
  await sql`GRANT SELECT, INSERT, UPDATE ON jobs, dead_letters, queues TO podcast_app`.execute(db);
  await sql`GRANT SELECT, INSERT ON job_events TO podcast_app`.execute(db);
  await sql`GRANT SELECT ON workers TO podcast_app`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, job_events, dead_letters, workers, queues TO podcast_system`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE queues, workers, dead_letters, job_events, jobs`.execute(db);
  await sql`DROP FUNCTION notify_platform()`.execute(db);
}
