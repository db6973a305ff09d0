import { type Kysely, sql } from "kysely";

/** Tenants, people, what they may do, and the two roles that the services log in with. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'podcast_app') THEN CREATE ROLE podcast_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB; END IF;
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'podcast_system') THEN CREATE ROLE podcast_system NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB; END IF;
    END $$`.execute(db);
  await sql`GRANT USAGE ON SCHEMA public TO podcast_app, podcast_system`.execute(db);
  await sql`
    CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$`.execute(db);
  await sql`
    CREATE TABLE tenants (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      slug text NOT NULL UNIQUE,
      name text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    )`.execute(db);
  await sql`INSERT INTO tenants (slug, name) VALUES ('default', 'Home')`.execute(db);
  await sql`
    CREATE TABLE users (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      issuer text NOT NULL,
      subject text NOT NULL,
      email text,
      name text,
      created_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (issuer, subject)
    )`.execute(db);
  await sql`
    CREATE TABLE memberships (
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
      role text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant_id, user_id)
    )`.execute(db);
  await sql`
    CREATE TABLE api_keys (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
      name text NOT NULL,
      prefix text NOT NULL UNIQUE,
      hash text NOT NULL,
      role text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
      scopes text[] NOT NULL DEFAULT '{}',
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz,
      revoked_at timestamptz,
      last_used_at timestamptz
    )`.execute(db);
  // A key is looked up before its tenant is known: this function, and nothing else, sees all of them.
  await sql`
    CREATE FUNCTION find_api_key(wanted text)
    RETURNS TABLE (id uuid, tenant_id uuid, name text, hash text, role text, scopes text[], expires_at timestamptz, revoked_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    AS $$ SELECT id, tenant_id, name, hash, role, scopes, expires_at, revoked_at FROM api_keys WHERE prefix = wanted $$`.execute(
    db,
  );
  await sql`
    CREATE FUNCTION find_membership(wanted_user uuid, wanted_tenant uuid)
    RETURNS TABLE (tenant_id uuid, slug text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    AS $$ SELECT m.tenant_id, t.slug, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
          WHERE m.user_id = wanted_user AND (wanted_tenant IS NULL OR m.tenant_id = wanted_tenant) ORDER BY t.created_at $$`.execute(
    db,
  );
  await sql`GRANT SELECT ON tenants TO podcast_app`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE ON users TO podcast_app`.execute(db);
  await sql`GRANT SELECT, INSERT, UPDATE ON tenants, users TO podcast_system`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP FUNCTION find_membership(uuid, uuid)`.execute(db);
  await sql`DROP FUNCTION find_api_key(text)`.execute(db);
  await sql`DROP TABLE api_keys, memberships, users, tenants`.execute(db);
  await sql`DROP FUNCTION app_tenant()`.execute(db);
  // The roles belong to the whole server and may be used by another database: they stay, without any right here.
  await sql`REVOKE USAGE ON SCHEMA public FROM podcast_app, podcast_system`.execute(db);
}
