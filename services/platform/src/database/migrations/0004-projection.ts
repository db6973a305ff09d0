import { type Kysely, sql } from "kysely";

/** What files say, in rows: rebuilt from files at any time, to the same rows. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE summaries (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      provider text NOT NULL,
      title text NOT NULL,
      paragraph text NOT NULL,
      bullets text[] NOT NULL,
      PRIMARY KEY (episode_key, fingerprint)
    )`.execute(db);
  await sql`
    CREATE TABLE segments (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      position integer NOT NULL,
      start_ms bigint NOT NULL,
      end_ms bigint NOT NULL,
      char_start integer NOT NULL,
      char_end integer NOT NULL,
      speaker text,
      voice_type text NOT NULL,
      text text NOT NULL,
      words tsvector GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED,
      PRIMARY KEY (episode_key, fingerprint, position)
    )`.execute(db);
  await sql`CREATE INDEX segments_words ON segments USING gin (words)`.execute(db);
  await sql`
    CREATE TABLE insights (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      id text NOT NULL,
      rank integer NOT NULL,
      text text NOT NULL,
      type text NOT NULL,
      salience real NOT NULL,
      topic text,
      speaker text,
      grounded boolean NOT NULL,
      PRIMARY KEY (episode_key, fingerprint, id)
    )`.execute(db);
  await sql`CREATE INDEX insights_salient ON insights (salience DESC, episode_key, id)`.execute(db);
  await sql`CREATE INDEX insights_topic ON insights (lower(topic))`.execute(db);
  await sql`CREATE INDEX insights_speaker ON insights (lower(speaker))`.execute(db);
  await sql`
    CREATE TABLE quotes (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      id text NOT NULL,
      text text NOT NULL,
      char_start integer NOT NULL,
      char_end integer NOT NULL,
      start_ms bigint NOT NULL,
      end_ms bigint NOT NULL,
      speaker text,
      PRIMARY KEY (episode_key, fingerprint, id)
    )`.execute(db);
  await sql`
    CREATE TABLE insight_support (
      episode_key text NOT NULL,
      fingerprint text NOT NULL,
      insight_id text NOT NULL,
      quote_id text NOT NULL,
      PRIMARY KEY (episode_key, fingerprint, insight_id, quote_id),
      FOREIGN KEY (episode_key, fingerprint, insight_id) REFERENCES insights ON DELETE CASCADE,
      FOREIGN KEY (episode_key, fingerprint, quote_id) REFERENCES quotes ON DELETE CASCADE
    )`.execute(db);
  await sql`
    CREATE TABLE kg_nodes (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      id text NOT NULL,
      type text NOT NULL,
      label text NOT NULL,
      properties jsonb NOT NULL,
      PRIMARY KEY (episode_key, fingerprint, id)
    )`.execute(db);
  await sql`CREATE INDEX kg_nodes_id ON kg_nodes (id)`.execute(db);
  await sql`CREATE INDEX kg_nodes_label ON kg_nodes (type, lower(label))`.execute(db);
  await sql`
    CREATE TABLE kg_edges (
      episode_key text NOT NULL REFERENCES episodes ON DELETE CASCADE,
      fingerprint text NOT NULL,
      position integer NOT NULL,
      type text NOT NULL,
      source text NOT NULL,
      target text NOT NULL,
      properties jsonb NOT NULL,
      PRIMARY KEY (episode_key, fingerprint, position)
    )`.execute(db);
  await sql`CREATE INDEX kg_edges_source ON kg_edges (source)`.execute(db);
  await sql`CREATE INDEX kg_edges_target ON kg_edges (target)`.execute(db);
  const tables = sql.raw("summaries, segments, insights, quotes, insight_support, kg_nodes, kg_edges");
  await sql`GRANT SELECT ON ${tables} TO podcast_app`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO podcast_system`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE kg_edges, kg_nodes, insight_support, quotes, insights, segments, summaries`.execute(db);
}
