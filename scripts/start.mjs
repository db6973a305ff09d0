// `npm start`: sets everything up and processes the sample feeds. Runs on any Node ≥ 18.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { buildConsole } from "./build-console.mjs";
import { pinnedNode, root } from "./pinned-node.mjs";
import { installPackages, installPrograms, PROGRAMS } from "./setup.mjs";

installPrograms([PROGRAMS.ffmpeg, PROGRAMS.compiler, PROGRAMS.pip]);
installPackages();
// Without it the API still answers, and its page says what to do.
if (!process.argv.includes("--once")) buildConsole();
const child = spawn(
  pinnedNode(),
  ["--disable-warning=ExperimentalWarning", join(root, "examples", "run-samples.ts"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
