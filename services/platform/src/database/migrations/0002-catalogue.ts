import { type Kysely, sql } from "kysely";

/** Feeds, episodes and artifacts: global, processed once for everybody. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE feeds (
      key text PRIMARY KEY,
      url text NOT NULL,
      urls text[] NOT NULL DEFAULT '{}',
      aliases text[] NOT NULL DEFAULT '{}',
      title text NOT NULL,
      description text,
      author text,
      language text,
      link text,
      image text,
      categories text[] NOT NULL DEFAULT '{}',
      enabled_for_all boolean NOT NULL DEFAULT false,
      overrides jsonb NOT NULL DEFAULT '{}',
      etag text,
      last_modified text,
      ttl_minutes real,
      poll_interval_s integer NOT NULL DEFAULT 3600,
      next_poll_at timestamptz NOT NULL DEFAULT now(),
      last_polled_at timestamptz,
      last_changed_at timestamptz,
      failures integer NOT NULL DEFAULT 0,
      error_code text,
      error text,
      created_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`CREATE INDEX feeds_urls ON feeds USING gin (urls)`.execute(db);
  await sql`CREATE INDEX feeds_due ON feeds (next_poll_at)`.execute(db);
  await sql`
    CREATE TABLE episodes (
      key text PRIMARY KEY,
      feed_key text NOT NULL REFERENCES feeds ON UPDATE CASCADE ON DELETE CASCADE,
      guid text NOT NULL,
      title text NOT NULL,
      description text,
      published timestamptz NOT NULL,
      duration_ms bigint,
      link text,
      image text,
      audio_url text,
      state text NOT NULL DEFAULT 'pending' CHECK (state IN
        ('pending','downloading','transcribing','enriching','indexing','projecting','done','failed','paused','cancelled')),
      stage text,
      flags text[] NOT NULL DEFAULT '{}',
      error_code text,
      error text,
      attempts integer NOT NULL DEFAULT 0,
      next_retry_at timestamptz,
      fingerprint text,
      correlation_id text,
      state_since timestamptz NOT NULL DEFAULT now(),
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (feed_key, guid)
    )`.execute(db);
  await sql`CREATE INDEX episodes_newest ON episodes (published DESC, key DESC)`.execute(db);
  await sql`CREATE INDEX episodes_of_feed ON episodes (feed_key, published DESC, key DESC)`.execute(db);
  await sql`CREATE INDEX episodes_in_work ON episodes (state, state_since) WHERE state <> 'done'`.execute(db);
  await sql`
    CREATE TABLE artifacts (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      kind text NOT NULL,
      path text NOT NULL,
      bytes bigint NOT NULL,
      sha256 text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (episode_key, fingerprint, kind)
    )`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE ON feeds, episodes TO podcast_app`.execute(db);
  await sql`GRANT SELECT ON artifacts TO podcast_app`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON feeds, episodes, artifacts TO podcast_system`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE artifacts, episodes, feeds`.execute(db);
}
