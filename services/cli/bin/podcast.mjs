#!/usr/bin/env node
// Runs on any Node ≥ 18 and hands over to the pinned one.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { pinnedNode } from "../../../scripts/pinned-node.mjs";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const child = spawn(pinnedNode(), ["--disable-warning=ExperimentalWarning", main, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// The child sits in the same group and gets the terminal's signals itself; this process only waits.
for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  console.error(`podcast: cannot start Node: ${error.message}. Run \`npm install\` first.`);
  process.exit(4);
});
child.on("exit", (code, signal) => process.exit(signal ? 128 + (signal === "SIGINT" ? 2 : 15) : (code ?? 1)));
