import {
  AppError,
  type ConfigLayers,
  EXIT,
  type ResolvedConfig,
  resolveConfig,
  type SettingKey,
  toAppError,
} from "@podcast/base";
import type { Command } from "commander";

/** Options that every command has. */
export interface CommonOptions {
  config?: string;
  corpus?: string;
  outputDir?: string;
  json?: boolean;
  allowHost?: string[];
  model?: string[];
  language?: string;
  logFile?: string;
  jsonLogs?: boolean;
  logLevel?: string;
}

/** Adds the options that all commands share. */
export function withCommon(command: Command): Command {
  const list = (value: string, previous: string[] = []) => [...previous, value];
  return command
    .option("--config <file>", "YAML file with settings and feeds (PODCAST_SCRAPER_CONFIG)")
    .option("--corpus <dir>", "folder of the corpus (default: corpus/ in the data folder)")
    .option("--output-dir <dir>", "the same as --corpus")
    .option("--json", "one JSON object on stdout, everything else on stderr")
    .option("--allow-host <host[:port]>", "let feeds reach this private address (repeatable)", list)
    .option("--model <capability=id>", "model for a capability, by its id in the catalogue (repeatable)", list)
    .option("--language <code>", "language spoken, two letters")
    .option("--log-file <file>", "write log lines to this file")
    .option("--json-logs", "log lines as JSON")
    .option("--log-level <level>", "trace, debug, info, warn, error or silent");
}

const MODEL_SETTINGS: Record<string, SettingKey> = {
  transcription: "transcription.model",
  embedding: "embedding.model",
  llm: "llm.model",
};

/** All settings for a command: its flags over environment, file and defaults. */
export function configFor(
  options: CommonOptions,
  flags: Partial<Record<SettingKey, unknown>> = {},
  settings: Record<string, unknown> = {},
): ResolvedConfig {
  const chosen: Partial<Record<SettingKey, unknown>> = {
    corpus: options.corpus ?? options.outputDir,
    allowHosts: options.allowHost,
    language: options.language,
    "log.file": options.logFile,
    "log.json": options.jsonLogs,
    "log.level": options.logLevel,
    ...flags,
  };
  for (const choice of options.model ?? []) {
    const [capability = "", id = ""] = choice.split(/=(.*)/s);
    const key = MODEL_SETTINGS[capability];
    if (key === undefined || id === "") {
      throw new AppError("USAGE", `--model ${choice}: expected ${Object.keys(MODEL_SETTINGS).join("|")}=ID.`, {
        hint: "`podcast models list` names the models.",
      });
    }
    chosen[key] = id;
  }
  const layers: ConfigLayers = { env: process.env, file: options.config, flags: chosen, settings };
  return resolveConfig(layers);
}

/** Stops work on the first Ctrl-C, the process on the second. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    process.stderr.write("\nStopping; what is finished is kept. Press Ctrl-C again to stop at once.\n");
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

/** Writes a result: JSON for scripts, text for people. */
export function print(options: CommonOptions, value: unknown, text: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`);
}

/** Says what went wrong and what to do; returns the exit code. */
export function report(raw: unknown, json: boolean): number {
  const error = toAppError(raw);
  if (json)
    process.stdout.write(
      `${JSON.stringify({ error: { code: error.code, message: error.message, hint: error.hint } }, null, 2)}\n`,
    );
  process.stderr.write(`podcast: ${error.message} [${error.code}]\n${error.hint ? `  → ${error.hint}\n` : ""}`);
  if (error.code === "INTERNAL" && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
  return error.code === "ABORTED" ? 130 : (error.exitCode ?? EXIT.failed);
}
