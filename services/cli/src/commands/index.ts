import type { Command } from "commander";
import { dbCommand, jobsCommand } from "./db.ts";
import { digestCommand } from "./digest.ts";
import { doctorCommand } from "./doctor.ts";
import { evalCommand } from "./eval.ts";
import { giCommand, kgCommand } from "./graph.ts";
import { importCorpusCommand } from "./import-corpus.ts";
import { indexCommand } from "./index-command.ts";
import { modelsCommand } from "./models.ts";
import { runCommand } from "./run.ts";
import { searchCommand } from "./search.ts";
import { serveCommand } from "./serve.ts";
import { tenantsCommand } from "./tenants.ts";
import { schedulerCommand, workerCommand } from "./worker.ts";

/** Every command of `podcast`, in the order of the help. */
export const COMMANDS: readonly (() => Command)[] = [
  runCommand,
  serveCommand,
  workerCommand,
  schedulerCommand,
  dbCommand,
  jobsCommand,
  tenantsCommand,
  searchCommand,
  digestCommand,
  indexCommand,
  giCommand,
  kgCommand,
  modelsCommand,
  evalCommand,
  doctorCommand,
  importCorpusCommand,
];
