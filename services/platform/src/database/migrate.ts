import { AppError } from "@podcast/base";
import { sql } from "kysely";
import { type MigrationInfo, Migrator, NO_MIGRATIONS } from "kysely/migration";
import { type Database, roleName, rolePassword } from "./database.ts";
import { MIGRATIONS } from "./migrations/index.ts";

const LOCK = "podcast_migrations";

function migrator(owner: Database): Migrator {
  return new Migrator({
    db: owner.db,
    provider: { getMigrations: async () => MIGRATIONS },
    migrationTableName: "schema_migrations",
    migrationLockTableName: "schema_migrations_lock",
  });
}

/** Brings the schema to its newest form and lets the service roles log in. Returns the names that ran. */
export async function upgrade(owner: Database, url: string, to?: string): Promise<string[]> {
  const names = await run(owner, (one) => (to === undefined ? one.migrateToLatest() : one.migrateTo(to)));
  for (const role of ["app", "system"] as const) {
    // A role of the server may be shared by databases: all derive the same password from the same owner.
    await sql`ALTER ROLE ${sql.raw(roleName(role))} WITH LOGIN PASSWORD ${sql.lit(rolePassword(url, role))}`
      .execute(owner.db)
      .catch((error) => {
        if (names.length > 0 || to === undefined) throw error;
      });
  }
  return names;
}

/** Goes back to a migration (kept), or to an empty schema with `none`. */
export async function downgrade(owner: Database, to: string): Promise<string[]> {
  if (to !== "none" && MIGRATIONS[to] === undefined)
    throw new AppError("USAGE", `There is no migration ${to}.`, { hint: "`podcast db status` lists them." });
  return run(owner, (one) => one.migrateTo(to === "none" ? NO_MIGRATIONS : to));
}

export async function status(owner: Database): Promise<readonly MigrationInfo[]> {
  return migrator(owner).getMigrations();
}

async function run(
  owner: Database,
  work: (migrator: Migrator) => ReturnType<Migrator["migrateToLatest"]>,
): Promise<string[]> {
  const { results = [], error } = await work(migrator(owner));
  if (error !== undefined) {
    const failed = results.find((one) => one.status === "Error")?.migrationName;
    throw new AppError(
      "MIGRATION_FAILED",
      `${failed ?? LOCK}: ${error instanceof Error ? error.message : String(error)}`,
      { hint: "Nothing was changed: migrations run in one transaction.", cause: error },
    );
  }
  return results.filter((one) => one.status === "Success").map((one) => one.migrationName);
}
