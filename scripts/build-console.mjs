// Builds the console, where its sources changed since the last build. Runs on any Node ≥ 18 once packages are there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pinnedNode, root } from "./pinned-node.mjs";
import { say } from "./setup.mjs";

const folder = join(root, "services", "console");
const stamp = join(folder, "build", ".sources");

function sources() {
  const hash = createHash("sha256").update(readFileSync(join(root, "package-lock.json")));
  const add = (path) => hash.update(path.slice(folder.length)).update(readFileSync(path));
  for (const name of ["package.json", "vite.config.ts", "tsconfig.json"]) add(join(folder, name));
  for (const part of ["src", "static"]) {
    const entries = readdirSync(join(folder, part), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
    for (const path of files.sort()) add(path);
  }
  return hash.digest("hex");
}

/** Builds; returns whether it could. */
export function buildConsole() {
  const now = sources();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now) return true;
  say("Building the console (a few seconds) …");
  const node = pinnedNode();
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const { status, stdout, stderr } = spawnSync(node, [vite, "build", "--logLevel", "warn"], {
    cwd: folder,
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
    encoding: "utf8",
  });
  if (status !== 0) {
    say(`The console could not be built:\n${stdout}${stderr}`);
    return false;
  }
  writeFileSync(stamp, now);
  return true;
}

if (process.argv[1] === new URL(import.meta.url).pathname) process.exit(buildConsole() ? 0 : 1);
