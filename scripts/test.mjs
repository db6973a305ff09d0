// `npm test [fast|services|docker]`: installs what tests need and runs them. Runs on any Node ≥ 18.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildConsole } from "./build-console.mjs";
import { pinnedNode, root } from "./pinned-node.mjs";
import { installPackages, installPrograms, PROGRAMS, say } from "./setup.mjs";

const tier = process.argv[2] ?? "all";
if (!["all", "fast", "services", "docker"].includes(tier)) {
  say(`There is no tier ${tier}: use fast, services or docker, or none for all.`);
  process.exit(2);
}
installPrograms([
  PROGRAMS.ffmpeg,
  PROGRAMS.compiler,
  PROGRAMS.pip,
  PROGRAMS.git,
  PROGRAMS.faiss,
  PROGRAMS.redis,
  PROGRAMS.postgres,
  PROGRAMS.chromium,
]);
installPackages();

const node = pinnedNode();
const env = {
  ...process.env,
  PATH: `${join(node, "..")}:${process.env.PATH}`,
  NODE_OPTIONS: "--disable-warning=ExperimentalWarning",
};

/** Runs one step; a failing one ends all with its name. */
function step(name, args, { optional = false, cwd = root } = {}) {
  say(`\n== ${name}`);
  const started = Date.now();
  const { status } = spawnSync(node, args, { cwd, env, stdio: "inherit" });
  if (status !== 0 && !optional) {
    say(`${name} failed.`);
    process.exit(status ?? 1);
  }
  say(`== ${name}: ${status === 0 ? "done" : "not possible here"} in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

if (tier === "all" || tier === "fast") {
  step("lint", [join(root, "node_modules/@biomejs/biome/bin/biome"), "check", "."]);
  step("types", [join(root, "node_modules/typescript/bin/tsc"), "--noEmit"]);
  step("the console's types are the API's", [join(root, "scripts/write-api-types.ts"), "--check"]);
  const folder = join(root, "services/console");
  const bin = (path) => join(folder, "node_modules", path);
  step("console: routes", [bin("@sveltejs/kit/svelte-kit.js"), "sync"], { cwd: folder });
  step(
    "console: types and accessibility",
    [bin("svelte-check/bin/svelte-check"), "--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "human"],
    { cwd: folder },
  );
}
if (!buildConsole()) process.exit(1);
if (tier === "all" || tier === "services")
  step("whisper.cpp", [join(root, "scripts/build-whisper.ts")], { optional: true });
if (tier !== "fast") step("faiss backend", [join(root, "scripts/build-faiss.ts")], { optional: true });
if (tier === "docker") {
  say("No part of this version needs Docker: there is nothing to test yet.\n0 passed, 0 failed");
  process.exit(0);
}
const projects = { all: ["unit", "services"], fast: ["unit"], services: ["services"] }[tier];
const report = join(root, ".cache", "test-report.json");
mkdirSync(join(root, ".cache"), { recursive: true });
say(`\n== tests: ${projects.join(", ")}`);
const vitest = [
  join(root, "node_modules/vitest/vitest.mjs"),
  "run",
  ...projects.flatMap((name) => ["--project", name]),
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
];
const { status } = spawnSync(node, vitest, { cwd: root, env, stdio: "inherit" });
const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
process.exit(status ?? 1);
