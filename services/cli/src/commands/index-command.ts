import { corpusDir, silentLogger } from "@podcast/base";
import { Corpus, currentGeneration, generationInfo } from "@podcast/corpus";
import { indexCorpus, ModelHub } from "@podcast/pipeline";
import { Command } from "commander";
import { type CommonOptions, configFor, print, stopSignal, withCommon } from "../context.ts";

interface IndexOptions extends CommonOptions {
  rebuild?: boolean;
  stats?: boolean;
}

export function indexCommand(): Command {
  const command = new Command("index")
    .description("Brings the search index up to the corpus.")
    .option("--rebuild", "make it anew, also what is unchanged")
    .option("--stats", "show what is in it")
    .addHelpText("after", "\nExamples:\n  podcast index\n  podcast index --rebuild\n  podcast index --stats --json");
  return withCommon(command).action(async (options: IndexOptions) => {
    const { values: config } = configFor(options);
    const corpus = new Corpus(corpusDir(config));
    if (options.stats) {
      const folder = await currentGeneration(corpus.layout);
      const info = folder === undefined ? undefined : await generationInfo(folder);
      print(
        options,
        info ?? null,
        info
          ? `${info.episodes} episode(s), ${info.chunks} chunks, ${info.model ? `${info.backend}, ${info.model}` : "words only"}, generation ${info.id}`
          : "There is no index yet.",
      );
      return;
    }
    const models = new ModelHub({
      config: { ...config, "models.offline": true },
      logger: silentLogger(),
      signal: stopSignal(),
    });
    const result = await indexCorpus(corpus, {
      backend: config["index.backend"],
      model: await models.embeddingModel(),
      ...(options.rebuild ? { rebuild: true } : {}),
    });
    await models.close();
    print(
      options,
      result,
      `${result.changed ? "updated" : "up to date"}: ${result.info.episodes} episode(s), ${result.info.chunks} chunks`,
    );
  });
}
