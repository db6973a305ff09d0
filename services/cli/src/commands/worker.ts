import { AppError, EXIT } from "@podcast/base";
import {
  DEFAULT_CONCURRENCY,
  databaseUrl,
  diskCheck,
  isHealthy,
  JobClient,
  QUEUES,
  QueueBackend,
  type QueueName,
  queueUrl,
} from "@podcast/platform";
import { measurePlatform, Scheduler } from "@podcast/scheduler";
import { serveHealth, Worker } from "@podcast/worker";
import { Command } from "commander";
import { type CommonOptions, configFor, stopSignal, withCommon } from "../context.ts";
import { connectDatabases, queueCheck, serviceLogger } from "../serve/platform.ts";
import { stopped } from "./serve.ts";

interface WorkerCommandOptions extends CommonOptions {
  queue?: string[];
  check?: boolean;
  host?: string;
  port?: string;
}

export function workerCommand(): Command {
  const command = new Command("worker")
    .description("Takes jobs of queues and does them.")
    .option(
      "--queue <name[:n]>",
      "queue, and jobs at once (repeatable, or separated by commas; QUEUES)",
      (value, all: string[] = []) => [...all, value],
    )
    .option("--check", "exit 0 when a worker of these queues lives, else 1")
    .option("--host <address>", "address of health and metrics (default 127.0.0.1)")
    .option("--port <port>", "port of health and metrics (default: any free one)")
    .addHelpText(
      "after",
      `
Queues: ${QUEUES.join(", ")}

Examples:
  podcast worker --queue ingest:4,heavy:1,projection:2,digest:1     the simple tier, one process
  podcast worker --queue transcribe                                 a GPU's own worker
  podcast worker --queue heavy --check`,
    );
  return withCommon(command).action(async (options: WorkerCommandOptions) => {
    process.exitCode = await work(options);
  });
}

async function work(options: WorkerCommandOptions): Promise<number> {
  const layers = (settings: Record<string, unknown> = {}) =>
    configFor(options, { "server.host": options.host, "worker.port": options.port }, settings).values;
  const config = layers();
  const queues = parseQueues(options.queue?.join(",") ?? config["worker.queues"], config["worker.concurrency"]);
  const url = databaseUrl(config);
  const backend = QueueBackend.open(queueUrl(config, url));
  if (options.check) {
    await backend.prepare();
    const client = new JobClient(backend);
    const alive = await Promise.all(Object.keys(queues).map((queue) => isHealthy(client, queue)));
    await client.close();
    await backend.close();
    return alive.every(Boolean) ? EXIT.done : EXIT.failed;
  }
  const logger = serviceLogger(config, "worker");
  const signal = stopSignal();
  const databases = await connectDatabases(url, "worker");
  const worker = new Worker({ queues, config, reload: layers, database: databases.system, backend, logger });
  const health = await serveHealth({
    host: config["server.host"],
    port: config["worker.port"],
    ready: () => worker.state === "running",
    checks: {
      database: {
        vital: true,
        run: async () => ({ status: (await databases.system.ping()) > 500 ? "warning" : "ok" }),
      },
      queue: queueCheck(backend),
      disk_space: diskCheck(config.dataDir, 5, 0.5),
    },
  });
  await worker.start();
  const { port } = health.address() as { port: number };
  process.stderr.write(
    `Worker ${worker.id}: ${Object.entries(queues)
      .map(([name, n]) => `${name}:${n}`)
      .join(", ")}; health and metrics on port ${port}\n`,
  );
  await stopped(signal);
  await worker.stop();
  health.close();
  health.closeAllConnections();
  await backend.close();
  await databases.close();
  return EXIT.done;
}

/** "ingest:4,heavy" as queue → jobs at once. */
export function parseQueues(text: string | undefined, fallback: number | undefined): Record<string, number> {
  if (text === undefined || text.trim() === "")
    throw new AppError("USAGE", "No queue is given.", {
      hint: `podcast worker --queue ${QUEUES.slice(0, 2).join(",")}`,
    });
  const queues: Record<string, number> = {};
  for (const part of text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)) {
    const [name = "", count] = part.split(":");
    if (!(QUEUES as readonly string[]).includes(name))
      throw new AppError("USAGE", `There is no queue ${name}.`, { hint: `Queues: ${QUEUES.join(", ")}` });
    const jobs = count === undefined ? (fallback ?? DEFAULT_CONCURRENCY[name as QueueName]) : Number(count);
    if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
      throw new AppError("USAGE", `${part}: the number of jobs is between 1 and 64.`);
    queues[name] = jobs;
  }
  return queues;
}

export function schedulerCommand(): Command {
  const command = new Command("scheduler")
    .description("Decides what is to be done: polls feeds, advances episodes, retries. Several may run; one leads.")
    .option("--host <address>", "address of health and metrics (default 127.0.0.1)")
    .option("--port <port>", "port of health and metrics (default: any free one)");
  return withCommon(command).action(async (options: WorkerCommandOptions) => {
    const config = configFor(options, { "server.host": options.host, "worker.port": options.port }).values;
    const logger = serviceLogger(config, "scheduler");
    const signal = stopSignal();
    const url = databaseUrl(config);
    const databases = await connectDatabases(url, "scheduler");
    const backend = QueueBackend.open(queueUrl(config, url));
    const scheduler = new Scheduler({ config, database: databases.system, backend, logger });
    const health = await serveHealth({
      host: config["server.host"],
      port: config["worker.port"],
      ready: () => true,
      refresh: () => measurePlatform(databases.system),
      checks: {
        database: {
          vital: true,
          run: async () => ({
            status: (await databases.system.ping()) > 500 ? "warning" : "ok",
            leads: scheduler.leads,
          }),
        },
        queue: queueCheck(backend),
      },
    });
    await scheduler.start();
    const { port } = health.address() as { port: number };
    process.stderr.write(`Scheduler runs; health and metrics on port ${port}\n`);
    await stopped(signal);
    await scheduler.stop();
    health.close();
    health.closeAllConnections();
    await backend.close();
    await databases.close();
    process.exitCode = EXIT.done;
  });
}
