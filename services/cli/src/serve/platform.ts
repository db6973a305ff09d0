import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  type Api,
  type ApiContext,
  buildApi,
  DatabaseEvents,
  FileLibrary,
  PostgresLibrary,
  SearchService,
  SILENT_EVENTS,
} from "@podcast/api";
import {
  AppError,
  type Config,
  corpusDir,
  createLogger,
  HttpClient,
  type Logger,
  silentLogger,
  toAppError,
  writeFileAtomic,
} from "@podcast/base";
import { Corpus, type Embed } from "@podcast/corpus";
import { ModelHub } from "@podcast/pipeline";
import { type Check, Database, diskCheck, migrations, type QueueBackend } from "@podcast/platform";

/** The logger of a long-lived process: its lines carry the service, and go to Loki as well where one is set. */
export function serviceLogger(config: Config, service: string, fields: Record<string, string> = {}): Logger {
  return createLogger({
    level: config["log.level"],
    json: config["log.json"] || process.stderr.isTTY !== true,
    file: config["log.file"],
    loki: config["loki.url"],
    fields: { service, ...fields },
  });
}

export interface Databases {
  app: Database;
  system: Database;
  close(): Promise<void>;
}

/** Connects both service roles. Throws DATABASE_UNREACHABLE, DATABASE_OUTDATED with the command that helps. */
export async function connectDatabases(url: string, name: string): Promise<Databases> {
  const [app, system] = [
    Database.connect(url, "app", { max: 20, name }),
    Database.connect(url, "system", { max: 20, name }),
  ];
  const close = async () => {
    await Promise.all([app.close(), system.close()]);
  };
  try {
    await Promise.all([app.ping(), system.ping()]);
    await app.db.selectFrom("settings").select("key").limit(1).execute();
  } catch (error) {
    await close();
    const code = (error as { code?: string }).code ?? "";
    if (code === "28P01" || code === "28000" || code === "42P01" || code === "42501")
      throw new AppError("DATABASE_OUTDATED", "The database has no schema for this version yet.", {
        hint: "podcast db upgrade",
        cause: error,
      });
    throw new AppError("DATABASE_UNREACHABLE", `Postgres does not answer: ${(error as Error).message || code}`, {
      hint: "Check DATABASE_URL, and that Postgres runs.",
      cause: error,
    });
  }
  return { app, system, close };
}

/** Brings the schema up to date; several processes may start at once, one migrates. */
export async function migrate(url: string): Promise<string[]> {
  const owner = Database.connect(url, "owner", { max: 2, name: "migrations" });
  try {
    return await migrations.upgrade(owner, url);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("DATABASE_UNREACHABLE", `Postgres does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await owner.close();
  }
}

export interface RunningApi {
  api: Api;
  address: string;
  close(): Promise<void>;
}

/** Starts the API over a database, or over a folder of files. */
export async function startApi(
  config: Config,
  logger: Logger,
  parts: { database?: Database | undefined; adminKey?: string | undefined; checks?: Record<string, Check> },
): Promise<RunningApi> {
  const corpus = new Corpus(corpusDir(config));
  await mkdir(corpus.layout.root, { recursive: true });
  const controller = new AbortController();
  // The API never fetches a model: what is not here is not used.
  const models = new ModelHub({
    config: { ...config, "models.offline": true },
    logger: silentLogger(),
    signal: controller.signal,
  });
  const embed = async (): Promise<Embed | undefined> => {
    const embedder = await models.embedder().catch((error) => {
      if (toAppError(error).code === "MODEL_MISSING") return undefined;
      throw error;
    });
    return embedder && (async (text) => (await embedder.embed([text]))[0] as Float32Array);
  };
  const search = new SearchService(corpus, logger, embed);
  const http = new HttpClient({ allowHosts: config.allowHosts });
  const { database } = parts;
  const events = database ? new DatabaseEvents(database) : undefined;
  const checks: Record<string, Check> = {
    ...(database
      ? {
          database: {
            vital: true,
            run: async () => {
              const latency = await database.ping();
              return { status: latency > 500 ? ("warning" as const) : ("ok" as const) };
            },
          },
        }
      : {}),
    search_index: {
      vital: false,
      run: async () => {
        const { info } = await search.searcher();
        return { status: "ok" as const, chunks: info.chunks };
      },
    },
    disk_space: diskCheck(corpus.layout.root),
    ...parts.checks,
  };
  const context: ApiContext = {
    config,
    corpus,
    library: database ? new PostgresLibrary(database) : new FileLibrary(corpus),
    search,
    http,
    logger,
    database,
    checks,
    adminKey: parts.adminKey,
    consoleDir: join(import.meta.dirname, "..", "..", "..", "console", "build"),
    coverDir: join(resolve(config.dataDir), "covers"),
    events: events ?? SILENT_EVENTS,
  };
  const api = await buildApi(context);
  await events?.start();
  try {
    await api.listen({ host: config["server.host"], port: config["server.port"] });
  } catch (error) {
    await api.close();
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE")
      throw new AppError("CONFIG_INVALID", `Port ${config["server.port"]} is in use.`, {
        hint: "Choose another: SERVER_PORT=8101, or --port 8101.",
        cause: error,
      });
    throw error;
  }
  const bound = api.server.address() as { port: number };
  const host = config["server.host"].includes(":") ? `[${config["server.host"]}]` : config["server.host"];
  return {
    api,
    address: `http://${host}:${bound.port}`,
    close: async () => {
      events?.close();
      api.server.closeIdleConnections();
      const closing = api.close();
      setTimeout(() => api.server.closeAllConnections(), 2000).unref();
      await closing;
      await search.close();
      controller.abort();
      await models.close();
      await http.destroy();
    },
  };
}

/** Health checks of the queue. */
export function queueCheck(backend: QueueBackend): Check {
  return {
    vital: true,
    run: async () => {
      const latency = await backend.ping();
      return { status: latency > 1000 ? ("warning" as const) : ("ok" as const), backend: backend.kind };
    },
  };
}

/** Key of the admin routes of a box on loopback: made at the first start, readable to its owner alone. */
export async function adminKey(dataDir: string): Promise<string> {
  const path = join(resolve(dataDir), "admin.key");
  if (existsSync(path)) return (await readFile(path, "utf8")).trim();
  const key = `admin_${randomBytes(24).toString("base64url")}`;
  await writeFileAtomic(path, `${key}\n`);
  await chmod(path, 0o600);
  return key;
}
