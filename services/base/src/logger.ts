import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import pino, { type DestinationStream, type Logger, type StreamEntry } from "pino";
import pretty from "pino-pretty";

export type { Logger } from "pino";

export interface LoggerOptions {
  level: string;
  /** JSON instead of human lines. */
  json: boolean;
  /** File for the lines; stderr when absent. */
  file?: string | undefined;
  /** A second file that always gets JSON lines of at least `info`: the log of a run. */
  ledger?: string | undefined;
  /** Address of a Loki that gets the lines as well. */
  loki?: string | undefined;
  /** Fields of every line: service, run_id, correlation_id. */
  fields?: Record<string, string> | undefined;
}

/** Names of fields that are never written out, wherever they stand. */
const SECRETS = [
  "apiKey",
  "api_key",
  "authorization",
  "password",
  "token",
  "secret",
  "headers.authorization",
  "*.apiKey",
  "*.authorization",
  "*.password",
  "*.token",
];

/** The one way to a logger: structured, secrets masked, nothing lost at exit (writes are synchronous). */
export function createLogger(options: LoggerOptions): Logger {
  const streams: StreamEntry[] = [];
  if (options.level !== "silent") {
    streams.push({
      level: options.level as pino.Level,
      stream: options.json ? plain(options.file) : human(options.file),
    });
  }
  if (options.loki !== undefined) streams.push({ level: "info", stream: toLoki(options.loki, options.fields ?? {}) });
  if (options.ledger !== undefined) streams.push({ level: "info", stream: plain(options.ledger) });
  const lowest =
    options.ledger !== undefined && ["silent", "warn", "error"].includes(options.level) ? "info" : options.level;
  return pino(
    {
      level: lowest,
      base: options.fields ?? {},
      ...(options.loki === undefined ? {} : { mixin: structuredMetadata }),
      redact: { paths: SECRETS, censor: "[masked]" },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.multistream(streams),
  );
}

/** A logger that writes nothing, for tests and libraries. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}

const METADATA = ["correlation_id", "worker_id", "queue", "job", "episode", "feed", "stage", "run_id"];

/** Ids of a line, apart, for Loki's structured metadata. */
function structuredMetadata(line: object, _level: number, logger: Logger): object {
  const all: Record<string, unknown> = { ...logger.bindings(), ...line };
  return {
    meta: Object.fromEntries(METADATA.filter((name) => typeof all[name] === "string").map((name) => [name, all[name]])),
  };
}

/** Sends lines to Loki: few labels; ids are structured metadata, as a label each would be a stream of its own. */
function toLoki(host: string, fields: Record<string, string>): DestinationStream {
  return pino.transport({
    target: "pino-loki",
    options: {
      host,
      batching: { interval: 1 },
      labels: { service: fields.service ?? "podcast", env: process.env.NODE_ENV ?? "production", stream: "stderr" },
      levelMap: { trace: "debug", debug: "debug", info: "info", warn: "warning", error: "error", fatal: "critical" },
      structuredMetaKey: "meta",
      silenceErrors: true,
      replaceTimestamp: true,
    },
  });
}

function plain(file: string | undefined): DestinationStream {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  return pino.destination({ dest: file ?? 2, sync: true });
}

function human(file: string | undefined): DestinationStream {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  return pretty({
    destination: file ?? 2,
    sync: true,
    colorize: file === undefined && process.stderr.isTTY === true,
    translateTime: "SYS:HH:MM:ss",
    ignore: "pid,hostname,service,run_id,correlation_id",
    singleLine: true,
  });
}
