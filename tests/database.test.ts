import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Database, migrations, TENANT_TABLES } from "@podcast/platform";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, skipping } from "./helpers/environment.ts";
import { startDatabase, startDebianPostgres, type TestDatabase } from "./helpers/servers.ts";

const A = "00000000-0000-4000-8000-00000000000a";
const B = "00000000-0000-4000-8000-00000000000b";

/** Puts a row into every tenant table, for a tenant. */
async function fill(owner: Database, tenant: string): Promise<void> {
  const run = (text: string) => sql.raw(text.replaceAll("$T", `'${tenant}'`)).execute(owner.db);
  await run(`INSERT INTO tenants (id, slug, name) VALUES ($T, 't-${tenant.at(-1)}', 'T')`);
  await run(
    "INSERT INTO feeds (key, url, urls, title) VALUES ('f', 'http://f/', ARRAY['http://f/'], 'F') ON CONFLICT DO NOTHING",
  );
  await run(
    "INSERT INTO episodes (key, feed_key, guid, title, published) VALUES ('e', 'f', 'g', 'E', now()) ON CONFLICT DO NOTHING",
  );
  await run(`INSERT INTO users (issuer, subject) VALUES ('i', '${tenant}')`);
  await run(`INSERT INTO memberships SELECT $T, id, 'admin' FROM users WHERE subject = '${tenant}'`);
  await run(
    `INSERT INTO api_keys (tenant_id, name, prefix, hash, role) VALUES ($T, 'k', 'p${tenant.at(-1)}', 'h', 'admin')`,
  );
  await run("INSERT INTO subscriptions (tenant_id, feed_key) VALUES ($T, 'f')");
  await run("INSERT INTO entitlements (tenant_id, feed_key, granted_by) VALUES ($T, 'f', 'x')");
  await run("INSERT INTO cursors VALUES ($T, 'f', now())");
  await run("INSERT INTO bookmarks (tenant_id, episode_key, position_ms, created_by) VALUES ($T, 'e', 1, 'x')");
  await run("INSERT INTO notes (tenant_id, episode_key, body, created_by) VALUES ($T, 'e', 'private', 'x')");
  await run("INSERT INTO labels (tenant_id, episode_key, label) VALUES ($T, 'e', 'l')");
  await run("INSERT INTO digests (tenant_id, since, until, artifact) VALUES ($T, now(), now(), '{}')");
  await run("INSERT INTO digest_preferences (tenant_id, preferences) VALUES ($T, '{}')");
  await run("INSERT INTO idempotency_keys (tenant_id, key, request_hash) VALUES ($T, 'k', 'h')");
}

describe("row-level security", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await startDatabase();
    await fill(database.owner, A);
    await fill(database.owner, B);
  });
  afterAll(() => database?.stop());

  test("every table with a tenant has it", async () => {
    const { rows } = await sql<{ name: string; enabled: boolean }>`
      SELECT c.relname AS name, c.relrowsecurity AS enabled FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE a.attname = 'tenant_id' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace`.execute(
      database.owner.db,
    );
    // Jobs and the audit are the platform's: who reads them is decided by feed or by role.
    const own = rows.filter((row) => !["jobs", "audit"].includes(row.name));
    expect(own.map((row) => row.name).sort()).toEqual([...TENANT_TABLES].sort());
    expect(own.every((row) => row.enabled)).toBe(true);
  });

  test.each(TENANT_TABLES)("%s: a tenant reads, changes and removes its own rows alone", async (table) => {
    const count = (tenant: string | undefined) =>
      database.app.db.transaction().execute(async (tx) => {
        if (tenant) await sql`SELECT set_config('app.tenant_id', ${tenant}, true)`.execute(tx);
        const { rows } = await sql<{ tenant_id: string }>`SELECT tenant_id FROM ${sql.table(table)}`.execute(tx);
        return rows.map((row) => row.tenant_id);
      });
    expect(await count(B)).toEqual([B]);
    expect(await count(undefined)).toEqual([]);
    const taken = await database.app.asTenant(B, async (tx) => {
      const changed =
        await sql`UPDATE ${sql.table(table)} SET tenant_id = ${B}::uuid WHERE tenant_id = ${A}::uuid`.execute(tx);
      const removed = await sql`DELETE FROM ${sql.table(table)} WHERE tenant_id = ${A}::uuid`.execute(tx);
      return Number(changed.numAffectedRows ?? 0) + Number(removed.numAffectedRows ?? 0);
    });
    expect(taken).toBe(0);
    await expect(
      database.app.asTenant(B, (tx) => sql`UPDATE ${sql.table(table)} SET tenant_id = ${A}::uuid`.execute(tx)),
    ).rejects.toThrow(/row-level security|unique/);
    expect(await count(A)).toEqual([A]);
  });

  test("the application's roles cannot turn it off", async () => {
    for (const role of [database.app, database.system]) {
      for (const statement of [
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_rows ON notes",
        "CREATE POLICY mine ON notes USING (true)",
        "ALTER ROLE podcast_app BYPASSRLS",
        "SET ROLE podcast",
        "SET SESSION AUTHORIZATION podcast",
        "ALTER TABLE notes OWNER TO podcast_app",
        "GRANT podcast_system TO podcast_app",
      ])
        await expect(sql.raw(statement).execute(role.db), statement).rejects.toThrow();
    }
    const { rows } = await sql<{ rolname: string }>`
      SELECT rolname FROM pg_roles WHERE rolname LIKE 'podcast\\_%' AND (rolsuper OR rolbypassrls)`.execute(
      database.owner.db,
    );
    expect(rows).toEqual([]);
    // Switched off by the session, Postgres refuses to answer rather than to show more.
    await expect(
      database.app.asTenant(B, async (tx) => {
        await sql`SET LOCAL row_security = off`.execute(tx);
        return tx.selectFrom("notes").selectAll().execute();
      }),
    ).rejects.toThrow(/row-level security/);
  });

  test("history cannot be rewritten", async () => {
    await sql`INSERT INTO audit (actor, method, route, status, correlation_id) VALUES ('a', 'POST', '/x', 200, 'c')`.execute(
      database.app.db,
    );
    for (const statement of ["UPDATE audit SET actor = 'b'", "DELETE FROM audit", "DELETE FROM settings_history"])
      await expect(sql.raw(statement).execute(database.app.db), statement).rejects.toThrow(/permission/);
  });
});

describe("migrations", () => {
  const NAMES = readdirSync(join(ROOT, "services/platform/src/database/migrations"))
    .filter((name) => /^\d/.test(name))
    .map((name) => name.replace(/\.ts$/, ""))
    .sort();

  const roundTrip = async (owner: Database, url: string) => {
    const tables = async () =>
      (
        await sql<{
          t: string;
        }>`SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'schema_%'`.execute(
          owner.db,
        )
      ).rows.map((row) => row.t);
    expect(await migrations.upgrade(owner, url)).toEqual(NAMES);
    const head = (await tables()).sort();
    await fill(owner, A);
    // Each step back works with rows in place.
    for (let step = NAMES.length - 2; step >= 0; step--)
      expect(await migrations.downgrade(owner, NAMES[step] as string)).toHaveLength(1);
    await migrations.downgrade(owner, "none");
    expect(await tables()).toEqual([]);
    expect(await migrations.upgrade(owner, url)).toEqual(NAMES);
    expect((await tables()).sort()).toEqual(head);
    expect(await migrations.upgrade(owner, url)).toEqual([]);
  };

  test("empty → head → empty → head, each step with rows in place", async () => {
    const database = await startDatabase(false);
    try {
      await roundTrip(database.owner, database.url);
    } finally {
      await database.stop();
    }
  });

  test("the same on Debian's Postgres 15", async () => {
    const server = await startDebianPostgres();
    if (server === undefined) return skipping("migrations on Postgres 15", "Debian's postgresql is not installed");
    const owner = Database.connect(server.url, "owner", { max: 2 });
    try {
      await roundTrip(owner, server.url);
    } finally {
      await owner.close();
      await server.stop();
    }
  });

  test("names only grow and are registered", async () => {
    const { MIGRATIONS } = await import("../services/platform/src/database/migrations/index.ts");
    expect(Object.keys(MIGRATIONS)).toEqual(NAMES);
    // What a released version ran must still be there, in its place.
    const released = existsSync(join(ROOT, ".git"))
      ? execFileSync("git", ["tag", "--list", "v*"], { cwd: ROOT }).toString().trim().split("\n").filter(Boolean)
      : [];
    for (const tag of released) {
      const files = execFileSync("git", ["ls-tree", "--name-only", tag, "services/platform/src/database/migrations/"], {
        cwd: ROOT,
      })
        .toString()
        .split("\n")
        .map((path) => path.split("/").at(-1)?.replace(/\.ts$/, "") ?? "")
        .filter((name) => /^\d/.test(name));
      expect(NAMES.slice(0, files.length)).toEqual(files.sort());
    }
  });
});
