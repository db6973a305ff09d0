import { readFile } from "node:fs/promises";
import { sha256 } from "@podcast/base";
import type { StageRunner } from "./stage.ts";

/** Feeds are read before their episodes are known (run/collect-feeds.ts); here the result is noted for the episode. */
export const rssFeedFetch: StageRunner = {
  name: "rss_feed_fetch",
  identity: async (_context, { files }) => sha256(await readFile(files.metadata)),
  run: async () => ({ state: "done", outputs: ["episode.json"] }),
};
