import { AppError, type Config } from "@podcast/base";

/** Address of the owner's database: DATABASE_URL, else POSTGRES_*. Throws CONFIG_INVALID where there is none. */
export function databaseUrl(config: Config): string {
  if (config["database.url"]) return config["database.url"];
  const host = config["postgres.host"];
  if (host === undefined)
    throw new AppError("CONFIG_INVALID", "No database is set.", {
      hint: "Set DATABASE_URL, or start the box with its own: podcast serve --embedded",
    });
  const url = new URL("postgres://localhost");
  url.hostname = host;
  url.port = String(config["postgres.port"]);
  url.username = config["postgres.user"];
  url.password = config["postgres.password"] ?? "";
  url.pathname = `/${config["postgres.db"]}`;
  return url.href;
}

/** Address of the queue: QUEUE_URL, else REDIS_URL, else the database. */
export function queueUrl(config: Config, database: string): string {
  return config["queue.url"] ?? config["redis.url"] ?? database;
}
