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

  readonly #url: string;
  readonly #options: PoolOptions;
  #readers: Db | undefined;

  private constructor(url: string, role: DatabaseRole, options: PoolOptions) {
    this.#url = url;
    this.#options = options;
    this.role = role;
    this.pool = openPool(url, role, options);
    this.db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: this.pool }) });
  }

  static connect(url: string, role: DatabaseRole, options: PoolOptions = {}): Database {
    return new Database(url, role, options);
  }

  /** Runs as one tenant: row-level security shows its rows and no others. */
  asTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.db.transaction().execute(async (tx) => {
      await sql`SELECT set_config('app.tenant_id', ${tenantId}, true)`.execute(tx);
      return work(tx);
    });
  }

  /**
   * Reads as one tenant, outside of a transaction: half the round trips. Its connections are a pool of their own, on
   * which nothing runs before the tenant is set.
   */
  readAs<T>(tenantId: string, work: (db: Db) => Promise<T>): Promise<T> {
    this.#readers ??= new Kysely<Tables>({
      dialect: new PostgresDialect({ pool: openPool(this.#url, this.role, this.#options) }),
    });
    return this.#readers.connection().execute(async (connection) => {
      await sql`SELECT set_config('app.tenant_id', ${tenantId}, false)`.execute(connection);
      return work(connection);
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
    await Promise.race([Promise.all([this.db.destroy(), this.#readers?.destroy()]), late]);
    clearTimeout(timer);
  }
}

export interface PoolOptions {
  max?: number;
  name?: string;
}

function openPool(url: string, role: DatabaseRole, options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: role === "owner" ? url : urlAs(url, role),
    max: options.max ?? 10,
    application_name: `podcast ${options.name ?? role}`,
    // Our queries take a millisecond or two; compiling them would take more.
    options: "-c jit=off",
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
  });
  // A connection that dies while it is idle is replaced by the next query; without a listener it would end the process.
  pool.on("error", () => {});
  return pool;
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
