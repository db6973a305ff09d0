import { type Kysely, sql } from "kysely";

/** Settings with history, the audit of writes, and what the on-call agent will keep. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE settings (
      key text PRIMARY KEY,
      value jsonb NOT NULL,
      version integer NOT NULL DEFAULT 1,
      updated_at timestamptz NOT NULL DEFAULT now(),
      updated_by text NOT NULL
    )`.execute(db);
  await sql`
    CREATE TABLE settings_history (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      key text NOT NULL,
      old_value jsonb,
      new_value jsonb,
      version integer NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL,
      correlation_id text
    )`.execute(db);
  await sql`
    CREATE TABLE audit (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      actor text NOT NULL,
      tenant_id uuid,
      method text NOT NULL,
      route text NOT NULL,
      target text,
      status integer NOT NULL,
      correlation_id text NOT NULL
    )`.execute(db);
  await sql`
    CREATE TABLE incidents (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      alert text NOT NULL,
      fingerprint text NOT NULL,
      severity text NOT NULL,
      service text,
      state text NOT NULL,
      runbook text,
      evidence jsonb NOT NULL DEFAULT '[]',
      opened_at timestamptz NOT NULL DEFAULT now(),
      closed_at timestamptz
    )`.execute(db);
  await sql`
    CREATE TABLE proposals (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      incident_id uuid NOT NULL REFERENCES incidents ON DELETE CASCADE,
      action text NOT NULL,
      parameters jsonb NOT NULL,
      reason text NOT NULL,
      state text NOT NULL DEFAULT 'open',
      expires_at timestamptz NOT NULL,
      decided_at timestamptz,
      decided_by text,
      created_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`
    CREATE TABLE agent_actions (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      incident_id uuid REFERENCES incidents ON DELETE CASCADE,
      action text NOT NULL,
      parameters jsonb NOT NULL,
      mode text NOT NULL,
      outcome text NOT NULL,
      detail jsonb NOT NULL DEFAULT '{}',
      at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON settings TO podcast_app, podcast_system`.execute(db);
  // Append-only for every service: what happened cannot be rewritten.
  await sql`GRANT SELECT, INSERT ON settings_history, audit, agent_actions TO podcast_app, podcast_system`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE ON incidents, proposals TO podcast_app, podcast_system`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE agent_actions, proposals, incidents, audit, settings_history, settings`.execute(db);
}
