// `node scripts/node.mjs FILE …` runs FILE on the pinned Node.
import { spawnSync } from "node:child_process";
import { pinnedNode } from "./pinned-node.mjs";

const { status } = spawnSync(pinnedNode(), ["--disable-warning=ExperimentalWarning", ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? 1);
