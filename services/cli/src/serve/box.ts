import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Config, type Logger, toAppError } from "@podcast/base";
import { EmbeddedPostgres, endAllLeases, QueueBackend } from "@podcast/platform";
import { Scheduler } from "@podcast/scheduler";
import { Worker } from "@podcast/worker";
import { adminKey, connectDatabases, migrate, queueCheck, type RunningApi, startApi } from "./platform.ts";

export interface Box {
  address: string;
  databaseUrl: string;
  adminKeyFile: string;
  stop(): Promise<void>;
}

/** Queues of the box: the simple tier's. */
export const BOX_QUEUES = { ingest: 4, heavy: 1, projection: 2, digest: 1 };

/**
 * Everything in one process tree: Postgres of our own, the queue on it, API, scheduler and worker. The API answers
 * before the worker has loaded anything.
 */
export async function startBox(
  config: Config,
  loggerFor: (service: string) => Logger,
  reload: (settings: Record<string, unknown>) => Config,
): Promise<Box> {
  const logger = loggerFor("box");
  const started: { name: string; stop: () => Promise<void> }[] = [];
  const stop = async () => {
    for (const { name, stop: end } of started.splice(0).reverse())
      await end().catch((error) => logger.warn({ err: error, part: name }, "a part did not stop in order"));
  };
  try {
    await mkdir(resolve(config.dataDir), { recursive: true });
    const postgres = await EmbeddedPostgres.start(join(config.dataDir, "postgres"), logger);
    started.push({ name: "postgres", stop: () => postgres.stop() });
    await migrate(postgres.url);
    const databases = await connectDatabases(postgres.url, "box");
    started.push({ name: "database", stop: () => databases.close() });
    const backend = QueueBackend.open(config["queue.url"] ?? postgres.url);
    started.push({ name: "queue", stop: () => backend.close() });
    const api: RunningApi = await startApi(config, loggerFor("api"), {
      database: databases.app,
      adminKey: await adminKey(config.dataDir),
      checks: { queue: queueCheck(backend) },
    });
    started.push({ name: "api", stop: () => api.close() });
    await backend.prepare();
    await endAllLeases(databases.system.db);
    const scheduler = new Scheduler({
      config,
      database: databases.system,
      backend,
      logger: loggerFor("scheduler"),
    });
    await scheduler.start();
    started.push({ name: "scheduler", stop: () => scheduler.stop() });
    const worker = new Worker({
      queues: BOX_QUEUES,
      config,
      reload,
      database: databases.system,
      backend,
      logger: loggerFor("worker"),
    });
    await worker.start();
    // A person waits for Ctrl-C: what runs is given back at its last finished stage.
    started.push({ name: "worker", stop: () => worker.stop(2000) });
    return {
      address: api.address,
      databaseUrl: postgres.url,
      adminKeyFile: join(resolve(config.dataDir), "admin.key"),
      stop,
    };
  } catch (error) {
    await stop();
    throw toAppError(error);
  }
}
