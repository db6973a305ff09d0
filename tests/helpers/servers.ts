import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "@podcast/base";
import { Database, EmbeddedPostgres, migrations } from "@podcast/platform";
import { tempFolder } from "./environment.ts";

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

export interface TestServer {
  url: string;
  pid: () => number;
  kill: () => Promise<void>;
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

/** A Redis of our own on a free port; with `persistent` its content survives a kill. */
export async function startRedis(persistent = false): Promise<TestServer> {
  const port = await freePort();
  const folder = tempFolder("redis");
  const run = async () => {
    const child = spawn(
      "redis-server",
      [
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
        ...["--maxmemory-policy", "noeviction", "--appendonly", persistent ? "yes" : "no", "--appendfsync", "always"],
      ],
      { stdio: "ignore" },
    );
    await answers(port);
    return child;
  };
  let child = await run();
  const kill = async () => {
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: () => child.pid as number,
    kill,
    restart: async () => {
      if (child.exitCode === null && child.signalCode === null) await kill();
      child = await run();
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const socket = connect(port, "127.0.0.1");
    const ok = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (ok) return;
    await sleep(20);
  }
  throw new Error(`nothing answers on port ${port}`);
}

/** A Postgres on a port that it keeps, to be killed and started again. */
export async function startSturdyPostgres(): Promise<TestServer> {
  const folder = tempFolder("sturdy");
  await chmod(folder, 0o711);
  const port = await freePort();
  const data = join(folder, "postgres");
  let server = await EmbeddedPostgres.start(data, silentLogger(), { port });
  const owner = Database.connect(server.url, "owner", { max: 1 });
  await migrations.upgrade(owner, server.url);
  await owner.close();
  return {
    url: server.url,
    pid: () => server.pid,
    kill: () => server.kill(),
    restart: async () => {
      await server.kill();
      server = await EmbeddedPostgres.start(data, silentLogger(), { port });
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface TestDatabase {
  url: string;
  app: Database;
  system: Database;
  owner: Database;
  stop: () => Promise<void>;
}

/** A migrated Postgres of our own (the embedded one: a real Postgres 18). */
export async function startDatabase(migrate = true): Promise<TestDatabase> {
  const folder = tempFolder("database");
  // Postgres runs as another account where we are root: it has to be able to enter.
  await chmod(folder, 0o711);
  const server = await EmbeddedPostgres.start(join(folder, "postgres"), silentLogger());
  const owner = Database.connect(server.url, "owner", { max: 3 });
  if (migrate) await migrations.upgrade(owner, server.url);
  const app = Database.connect(server.url, "app");
  const system = Database.connect(server.url, "system");
  return {
    url: server.url,
    app,
    system,
    owner,
    stop: async () => {
      await Promise.all([app.close(), system.close(), owner.close()]);
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Debian's own Postgres, where it is installed: the oldest version that we promise to run on. */
export async function startDebianPostgres(): Promise<{ url: string; stop: () => Promise<void> } | undefined> {
  const root = "/usr/lib/postgresql";
  const version = existsSync(root) ? readdirSync(root).sort((a, b) => Number(a) - Number(b))[0] : undefined;
  if (version === undefined) return undefined;
  const folder = tempFolder("debian-postgres");
  await chmod(folder, 0o711);
  const data = join(folder, "data");
  await mkdir(data);
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot
    ? { uid: Number(execFileSync("id", ["-u", "postgres"])), gid: Number(execFileSync("id", ["-g", "postgres"])) }
    : {};
  if (identity.uid !== undefined) await chown(data, identity.uid, identity.gid as number);
  const bin = join(root, version, "bin");
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "podcast", "-A", "trust", "-E", "UTF8", "--locale=C"], {
    ...identity,
    cwd: folder,
    stdio: "ignore",
  });
  const port = await freePort();
  const child = spawn(join(bin, "postgres"), ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", ""], {
    ...identity,
    cwd: folder,
    stdio: "ignore",
  });
  await answers(port);
  const url = `postgres://podcast:secret@127.0.0.1:${port}/postgres`;
  const deadline = Date.now() + 20_000;
  for (;;) {
    const probe = Database.connect(url, "owner", { max: 1 });
    const ok = await probe.ping().then(
      () => true,
      () => false,
    );
    await probe.close();
    if (ok) break;
    if (Date.now() > deadline) throw new Error("Debian's Postgres does not start");
    await sleep(50);
  }
  return {
    url,
    stop: async () => {
      const closed = once(child, "close");
      child.kill("SIGINT");
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
