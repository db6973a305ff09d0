import { type Kysely, sql } from "kysely";

/** What a tenant follows, may read, and adds of its own. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE subscriptions (
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      feed_key text NOT NULL REFERENCES feeds ON UPDATE CASCADE ON DELETE CASCADE,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant_id, feed_key)
    )`.execute(db);
  await sql`CREATE INDEX subscriptions_of_feed ON subscriptions (feed_key)`.execute(db);
  await sql`
    CREATE TABLE entitlements (
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      feed_key text NOT NULL REFERENCES feeds ON UPDATE CASCADE ON DELETE CASCADE,
      granted_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant_id, feed_key)
    )`.execute(db);
  await sql`
    CREATE TABLE cursors (
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      feed_key text NOT NULL REFERENCES feeds ON UPDATE CASCADE ON DELETE CASCADE,
      watermark timestamptz NOT NULL,
      PRIMARY KEY (tenant_id, feed_key)
    )`.execute(db);
  await sql`
    CREATE TABLE bookmarks (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      position_ms bigint NOT NULL,
      title text NOT NULL DEFAULT '',
      created_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE TABLE notes (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      insight_id text,
      body text NOT NULL,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE TABLE labels (
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      label text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant_id, episode_key, label)
    )`.execute(db);
  await sql`
    CREATE TABLE digests (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      since timestamptz NOT NULL,
      until timestamptz NOT NULL,
      artifact jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE TABLE digest_preferences (
      tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
      preferences jsonb NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE TABLE idempotency_keys (
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      key text NOT NULL,
      request_hash text NOT NULL,
      status integer,
      body jsonb,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant_id, key)
    )`.execute(db);
  for (const table of TENANT_TABLES) {
    await sql`ALTER TABLE ${sql.table(table)} ENABLE ROW LEVEL SECURITY`.execute(db);
    await sql`
      CREATE POLICY tenant_rows ON ${sql.table(table)} TO podcast_app
      USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())`.execute(db);
    // Scheduler and workers act for every tenant; they take no request from outside.
    await sql`CREATE POLICY system_rows ON ${sql.table(table)} TO podcast_system USING (true) WITH CHECK (true)`.execute(
      db,
    );
    await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ${sql.table(table)} TO podcast_app, podcast_system`.execute(db);
  }
  /** Feeds that somebody follows or that an admin enabled for all: a yes or no a feed, never who. */
  await sql`
    CREATE FUNCTION feed_is_wanted(wanted text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    AS $$ SELECT EXISTS (SELECT FROM feeds WHERE key = wanted AND enabled_for_all) OR EXISTS (SELECT FROM subscriptions WHERE feed_key = wanted) $$`.execute(
    db,
  );
  await sql`
    CREATE VIEW readable_feeds WITH (security_invoker = true) AS
      SELECT key FROM feeds WHERE enabled_for_all
      UNION SELECT feed_key FROM subscriptions WHERE tenant_id = app_tenant()
      UNION SELECT feed_key FROM entitlements WHERE tenant_id = app_tenant()`.execute(db);
  await sql`GRANT SELECT ON readable_feeds TO podcast_app, podcast_system`.execute(db);
}

export const TENANT_TABLES = [
  "memberships",
  "api_keys",
  "subscriptions",
  "entitlements",
  "cursors",
  "bookmarks",
  "notes",
  "labels",
  "digests",
  "digest_preferences",
  "idempotency_keys",
];

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP VIEW readable_feeds`.execute(db);
  await sql`DROP FUNCTION feed_is_wanted(text)`.execute(db);
  await sql`DROP TABLE idempotency_keys, digest_preferences, digests, labels, notes, bookmarks, cursors, entitlements, subscriptions`.execute(
    db,
  );
  for (const table of ["memberships", "api_keys"]) {
    await sql`DROP POLICY system_rows ON ${sql.table(table)}`.execute(db);
    await sql`DROP POLICY tenant_rows ON ${sql.table(table)}`.execute(db);
    await sql`ALTER TABLE ${sql.table(table)} DISABLE ROW LEVEL SECURITY`.execute(db);
    await sql`REVOKE ALL ON ${sql.table(table)} FROM podcast_app, podcast_system`.execute(db);
  }
}
