import { createWriteStream } from "node:fs";
import { EXIT } from "@podcast/base";
import { databaseUrl, QueueBackend, queueUrl } from "@podcast/platform";
import { Scheduler } from "@podcast/scheduler";
import { Command } from "commander";
import { type CommonOptions, configFor, stopSignal, withCommon } from "../context.ts";
import { startBox } from "../serve/box.ts";
import { adminKey, connectDatabases, migrate, queueCheck, serviceLogger, startApi } from "../serve/platform.ts";

interface ServeOptions extends CommonOptions {
  platform?: boolean;
  embedded?: boolean;
  scheduler: boolean;
  viewer: boolean;
  host?: string;
  port?: string;
  dataDir?: string;
}

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Serves the API and the console: a folder of files, the platform, or the whole box in one process.")
    .option("--platform", "catalogue, tenants and jobs in Postgres (DATABASE_URL); hosts the scheduler")
    .option("--embedded", "the box: that, its own Postgres, and a worker, in one process tree")
    .option("--no-scheduler", "with --platform: another process schedules")
    .option("--no-viewer", "the API without the console")
    .option("--host <address>", "address to listen on (default 127.0.0.1; any other needs a key)")
    .option("--port <port>", "port (default 8100)")
    .option("--data-dir <dir>", "folder of everything (DATA_DIR)")
    .addHelpText(
      "after",
      `
Examples:
  podcast serve --embedded                       the box, on http://127.0.0.1:8100
  podcast serve --corpus ./corpus                look at what podcast run has made
  DATABASE_URL=postgres://… REDIS_URL=redis://… podcast serve --platform`,
    );
  return withCommon(command).action(async (options: ServeOptions) => {
    process.exitCode = await serve(options);
  });
}

async function serve(options: ServeOptions): Promise<number> {
  const layers = (settings: Record<string, unknown> = {}) =>
    configFor(
      options,
      {
        dataDir: options.dataDir,
        "server.host": options.host,
        "server.port": options.port,
        "server.platform": options.platform ?? options.embedded,
        ...(options.viewer ? {} : { "server.viewer": false }),
      },
      settings,
    ).values;
  const config = layers();
  const loggerFor = (service: string) => serviceLogger(config, service);
  const logger = loggerFor("api");
  const signal = stopSignal();
  const say = (text: string) => process.stderr.write(`${text}\n`);
  if (options.embedded) {
    const box = await startBox(config, loggerFor, layers);
    say(
      `\nThe box is open: ${box.address} in a browser (API documentation: ${box.address}/docs)\nAdmin key, for its Operate pages: ${box.adminKeyFile}\n`,
    );
    announce(box.address);
    await stopped(signal);
    await box.stop();
    return EXIT.done;
  }
  if (!config["server.platform"]) {
    const api = await startApi(config, logger, {});
    say(`\nServing ${api.address} from files (API documentation: ${api.address}/docs)\n`);
    announce(api.address);
    await stopped(signal);
    await api.close();
    return EXIT.done;
  }
  const url = databaseUrl(config);
  await migrate(url);
  const databases = await connectDatabases(url, "api");
  const backend = QueueBackend.open(queueUrl(config, url));
  const api = await startApi(config, logger, {
    database: databases.app,
    adminKey: config["auth.apiKey"] ? undefined : await adminKey(config.dataDir),
    checks: { queue: queueCheck(backend) },
  });
  const scheduler = options.scheduler
    ? new Scheduler({ config, database: databases.system, backend, logger: loggerFor("scheduler") })
    : undefined;
  await scheduler?.start();
  say(`\nThe platform's API is at ${api.address} (documentation: ${api.address}/docs)\n`);
  announce(api.address);
  await stopped(signal);
  await scheduler?.stop();
  await api.close();
  await backend.close();
  await databases.close();
  return EXIT.done;
}

/** Tells a parent that waits for it (file descriptor in READY_FD) where we are. */
function announce(address: string): void {
  const fd = Number(process.env.READY_FD);
  if (Number.isInteger(fd) && fd > 2) createWriteStream("", { fd }).end(`${address}\n`);
}

export function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
