// Finds the Node that this project is pinned to. Plain JavaScript: runs on any Node ≥ 18, without packages.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Path of Node 24: the pinned package's, else the running one where it is new enough. */
export function pinnedNode() {
  const path = `${root}node_modules/node-${process.platform}-${process.arch}/bin/node`;
  if (existsSync(path)) return path;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 4)) return process.execPath;
  console.error(
    `Node 24 is needed and the pinned one is not installed for ${process.platform}-${process.arch}: run \`npm install\`, or install Node 24.`,
  );
  process.exit(4);
}
