import { corpusDir, EXIT } from "@podcast/base";
import { Corpus, importPeerCorpus } from "@podcast/corpus";
import { indexCorpus } from "@podcast/pipeline";
import { Command } from "commander";
import { type CommonOptions, configFor, print, withCommon } from "../context.ts";

export function importCorpusCommand(): Command {
  const command = new Command("import-corpus")
    .description("Reads a corpus of podcast_scraper into ours and indexes it.")
    .argument("<folder>", "folder with podcast_scraper's runs")
    .addHelpText("after", "\nExample:\n  podcast import-corpus ~/podcast_scraper/output --corpus ./data/corpus");
  return withCommon(command).action(async (folder: string, options: CommonOptions) => {
    const { values: config } = configFor(options);
    const result = await importPeerCorpus(folder, corpusDir(config));
    const index = await indexCorpus(new Corpus(corpusDir(config)), {
      backend: config["index.backend"],
      model: undefined,
    });
    print(
      options,
      { ...result, index: index.info },
      [
        `${result.episodes.length} episode(s) imported, ${result.skipped.length} skipped; ${index.info.chunks} chunks in the index (words only)`,
        ...result.skipped.map((one) => `  ✗ ${one.file}: ${one.reason}`),
      ].join("\n"),
    );
    if (result.skipped.length > 0) process.exitCode = EXIT.partial;
  });
}
