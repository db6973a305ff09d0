import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Api, type ApiContext, buildApi, DatabaseEvents, PostgresLibrary, SearchService } from "@podcast/api";
import {
  type Config,
  corpusDir,
  createLogger,
  HttpClient,
  resolveConfig,
  type SettingKey,
  silentLogger,
} from "@podcast/base";
import { Corpus } from "@podcast/corpus";
import { QueueBackend } from "@podcast/platform";
import { Scheduler } from "@podcast/scheduler";
import { type JobKind, Worker } from "@podcast/worker";
import { MODEL_CACHE, tempFolder } from "./environment.ts";
import type { TestDatabase } from "./servers.ts";

export function testConfig(flags: Partial<Record<SettingKey, unknown>>): Config {
  return resolveConfig({
    env: {},
    flags: {
      "models.offline": true,
      "models.cache": MODEL_CACHE,
      "log.level": "silent",
      "server.rateLimit": 0,
      "platform.retryBaseS": 0.05,
      "platform.leaseS": 3,
      "platform.pollMinS": 1,
      ...flags,
    },
  }).values;
}

export const MASTER_KEY = "master-key-of-the-tests";

/** The API over a database, not listening: requests are injected. */
export async function testApi(
  database: TestDatabase,
  flags: Partial<Record<SettingKey, unknown>> = {},
  more: Partial<ApiContext> = {},
) {
  const folder = tempFolder("api");
  const config = testConfig({ dataDir: folder, corpus: join(folder, "corpus"), "auth.apiKey": MASTER_KEY, ...flags });
  const corpus = new Corpus(corpusDir(config));
  await mkdir(corpus.layout.root, { recursive: true });
  const events = new DatabaseEvents(database.app);
  const logger = silentLogger();
  const api: Api = await buildApi({
    config,
    corpus,
    library: new PostgresLibrary(database.app),
    search: new SearchService(corpus, logger),
    http: new HttpClient({ allowHosts: config.allowHosts }),
    logger,
    database: database.app,
    checks: {},
    adminKey: undefined,
    consoleDir: undefined,
    coverDir: join(folder, "covers"),
    events,
    ...more,
  });
  await api.ready();
  await events.start();
  return {
    api,
    config,
    corpus,
    close: async () => {
      events.close();
      await api.close();
    },
  };
}

/** Scheduler and worker of one process, over a queue of any kind. */
export async function testEngine(
  database: TestDatabase,
  queueUrl: string,
  flags: Partial<Record<SettingKey, unknown>>,
  queues: Record<string, number>,
  kinds?: ReadonlyMap<string, JobKind>,
) {
  const config = testConfig(flags);
  const backend = QueueBackend.open(queueUrl, `test${Math.random().toString(36).slice(2, 8)}`);
  const logger = process.env.TEST_LOG ? createLogger({ level: "debug", json: true }) : silentLogger();
  const scheduler = new Scheduler({ config, database: database.system, backend, logger, tickMs: 100 });
  await scheduler.start();
  const worker = new Worker({
    queues,
    config,
    database: database.system,
    backend,
    logger,
    ...(kinds ? { kinds } : {}),
  });
  await worker.start();
  return {
    config,
    scheduler,
    worker,
    stop: async () => {
      await scheduler.stop();
      await worker.stop(500);
      await backend.close();
    },
  };
}
