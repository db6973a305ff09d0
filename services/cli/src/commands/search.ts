import { corpusDir, silentLogger, toAppError } from "@podcast/base";
import { clockTime, Layout, Searcher, type SearchHit } from "@podcast/corpus";
import { ModelHub } from "@podcast/pipeline";
import { Command } from "commander";
import { type CommonOptions, configFor, print, stopSignal, withCommon } from "../context.ts";

interface SearchOptions extends CommonOptions {
  limit: string;
  feed?: string;
  episode?: string;
  speaker?: string;
  kind?: "transcript" | "insight" | "summary";
  since?: string;
  until?: string;
}

export function searchCommand(): Command {
  const command = new Command("search")
    .description("Searches transcripts, insights and summaries by words and meaning.")
    .argument("<query...>", "what to look for")
    .option("--limit <n>", "most hits", "10")
    .option("--feed <key>", "only this feed")
    .option("--episode <key>", "only this episode")
    .option("--speaker <name>", "only what this speaker says")
    .option("--kind <kind>", "transcript, insight or summary")
    .option("--since <date>", "only episodes published since")
    .option("--until <date>", "only episodes published until")
    .addHelpText(
      "after",
      '\nExamples:\n  podcast search "how to keep a trail dry"\n  podcast search drainage --speaker "Liam Verbeek" --json',
    );
  return withCommon(command).action(async (query: string[], options: SearchOptions) => {
    const { values: config } = configFor(options);
    const models = new ModelHub({
      config: { ...config, "models.offline": true },
      logger: silentLogger(),
      signal: stopSignal(),
    });
    try {
      const embedder = await models.embedder().catch((error) => {
        if (toAppError(error).code === "MODEL_MISSING") return undefined;
        throw error;
      });
      const embed = embedder && (async (text: string) => (await embedder.embed([text]))[0] as Float32Array);
      const searcher = await Searcher.open(new Layout(corpusDir(config)), embed);
      const semantic = searcher.semantic && searcher.info.model === embedder?.model;
      const hits = await searcher.search(query.join(" "), {
        limit: Math.max(1, Number(options.limit) || 10),
        feed: options.feed,
        episode: options.episode,
        speaker: options.speaker,
        kind: options.kind,
        since: options.since,
        until: options.until,
      });
      searcher.close();
      const note = semantic
        ? ""
        : "\n(words only: no embedding model is here; `podcast models pull embedding/all-minilm-l6-v2`, then `podcast index --rebuild`)";
      print(
        options,
        { schema: 1, query: query.join(" "), semantic, hits },
        hits.length === 0 ? `Nothing was found.${note}` : hits.map(hitText).join("\n\n") + note,
      );
    } finally {
      await models.close();
    }
  });
}

function hitText(hit: SearchHit): string {
  const bold = process.stdout.isTTY === true;
  let text = "";
  let last = 0;
  const points = [...hit.text];
  for (const [start, end] of hit.highlights) {
    text +=
      points.slice(last, start).join("") +
      (bold ? "\u001b[1m" : "") +
      points.slice(start, end).join("") +
      (bold ? "\u001b[22m" : "");
    last = end;
  }
  text += points.slice(last).join("");
  return `${hit.feed_title} — ${hit.title}, ${clockTime(hit.start_ms)}${hit.speaker ? `, ${hit.speaker}` : ""} [${hit.kind}]\n  ${text.replace(/\n/g, " ")}\n  ${hit.episode}`;
}
