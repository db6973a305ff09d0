import { createHmac } from "node:crypto";
import { AppError } from "@podcast/base";
import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import type { Tables } from "./schema.ts";

// Times are Dates; sizes and milliseconds fit into a number.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export type Db = Kysely<Tables>;
export type Tx = Transaction<Tables>;

export type DatabaseRole = "owner" | "app" | "system";
const LOGIN: Record<Exclude<DatabaseRole, "owner">, string> = { app: "podcast_app", system: "podcast_system" };

/**
 * A connection pool as one of three roles. The owner migrates and nothing else. `app` serves requests and sees the rows
 * of one tenant; `system` is the scheduler's and the workers'. Neither owns a table, so neither can turn row-level
 * security off.
 */
export class Database {
  readonly db: Db;
  readonly pool: pg.Pool;
  readonly role: DatabaseRole;

  private constructor(pool: pg.Pool, role: DatabaseRole) {
    this.pool = pool;
    this.role = role;
    this.db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  }

  static connect(url: string, role: DatabaseRole, options: { max?: number; name?: string } = {}): Database {
    const pool = new pg.Pool({
      connectionString: role === "owner" ? url : urlAs(url, role),
      max: options.max ?? 10,
      application_name: `podcast ${options.name ?? role}`,
      connectionTimeoutMillis: 10_000,
      idleTimeoutMillis: 30_000,
    });
    // A connection that dies while it is idle is replaced by the next query; without a listener it would end the process.
    pool.on("error", () => {});
    return new Database(pool, role);
  }

  /** Runs as one tenant: row-level security shows its rows and no others. */
  asTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.db.transaction().execute(async (tx) => {
      await sql`SELECT set_config('app.tenant_id', ${tenantId}, true)`.execute(tx);
      return work(tx);
    });
  }

  async ping(): Promise<number> {
    const started = performance.now();
    await sql`SELECT 1`.execute(this.db);
    return performance.now() - started;
  }

  /** Waits for queries that run; a session that somebody still holds does not hold up the end. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, 5000);
    });
    await Promise.race([this.db.destroy(), late]);
    clearTimeout(timer);
  }
}

/** Password of a service role: derived from the owner's, so that one secret is enough. */
export function rolePassword(url: string, role: Exclude<DatabaseRole, "owner">): string {
  const secret = decodeURIComponent(new URL(asParsable(url)).password);
  return createHmac("sha256", secret).update(`podcast ${role}`).digest("hex").slice(0, 40);
}

export function roleName(role: Exclude<DatabaseRole, "owner">): string {
  return LOGIN[role];
}

function urlAs(url: string, role: Exclude<DatabaseRole, "owner">): string {
  const parsed = new URL(asParsable(url));
  parsed.username = LOGIN[role];
  parsed.password = rolePassword(url, role);
  return parsed.href;
}

/** Throws CONFIG_INVALID for what is no address of a Postgres database. */
function asParsable(url: string): string {
  if (!/^postgres(?:ql)?:\/\//.test(url) || !URL.canParse(url))
    throw new AppError("CONFIG_INVALID", "DATABASE_URL is not a postgres:// address.", {
      hint: "postgres://user:password@host:5432/database",
    });
  return url;
}
