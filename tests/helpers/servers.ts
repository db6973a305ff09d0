import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
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
