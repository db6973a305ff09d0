import { AppError, corpusDir, EXIT, writeFileAtomic } from "@podcast/base";
import { Corpus, checkGraph, type GraphFile } from "@podcast/corpus";
import { Command } from "commander";
import { type CommonOptions, configFor, print, withCommon } from "../context.ts";

type Kind = "gi" | "kg";
const TITLES: Record<Kind, string> = { gi: "grounded insights", kg: "knowledge graph" };

export const giCommand = (): Command => graphCommand("gi");
export const kgCommand = (): Command => graphCommand("kg");

function graphCommand(kind: Kind): Command {
  const command = new Command(kind).description(`Looks at the ${TITLES[kind]} of episodes.`);
  command.addCommand(
    withCommon(
      new Command("validate")
        .description("Checks every file: shape, ids, edges, quotes against the transcript.")
        .argument("[episode]", "key of an episode; all when left out"),
    ).action(async (episode: string | undefined, options: CommonOptions) => {
      const corpus = new Corpus(corpusDir(configFor(options).values));
      const problems: { episode: string; problem: string }[] = [];
      let checked = 0;
      for (const ref of episode === undefined ? await corpus.episodes() : [await corpus.find(episode)]) {
        const reader = corpus.open(ref);
        const graph = await reader[kind]();
        if (graph === undefined) continue;
        checked++;
        const transcript = await reader.transcript();
        for (const problem of checkGraph(kind, graph, (await reader.text()) ?? "", transcript?.duration_ms))
          problems.push({ episode: ref.episode, problem });
      }
      print(
        options,
        { checked, problems },
        [
          `${checked} file(s) checked, ${problems.length} problem(s)`,
          ...problems.map((one) => `  ${one.episode}: ${one.problem}`),
        ].join("\n"),
      );
      if (problems.length > 0) process.exitCode = EXIT.failed;
    }),
  );
  command.addCommand(
    withCommon(
      new Command("show")
        .description("Shows one episode's file for people.")
        .argument("<episode>", "key of an episode, or its beginning"),
    ).action(async (episode: string, options: CommonOptions) => {
      const graph = await load(kind, episode, options);
      print(options, graph, kind === "gi" ? insightLines(graph) : graphLines(graph));
    }),
  );
  command.addCommand(
    withCommon(
      new Command("export")
        .description("Writes the files of all episodes as JSON Lines.")
        .argument("<file>", "target; - for standard output"),
    ).action(async (file: string, options: CommonOptions) => {
      const corpus = new Corpus(corpusDir(configFor(options).values));
      const lines: string[] = [];
      for (const ref of await corpus.episodes()) {
        const graph = await corpus.open(ref)[kind]();
        if (graph) lines.push(JSON.stringify(graph));
      }
      if (file === "-") process.stdout.write(`${lines.join("\n")}\n`);
      else {
        await writeFileAtomic(file, `${lines.join("\n")}\n`);
        process.stderr.write(`${lines.length} episode(s) written to ${file}\n`);
      }
    }),
  );
  return command;
}

async function load(kind: Kind, episode: string, options: CommonOptions): Promise<GraphFile> {
  const corpus = new Corpus(corpusDir(configFor(options).values));
  const graph = await corpus.open(await corpus.find(episode))[kind]();
  if (graph === undefined) throw new AppError("ARTIFACT_MISSING", `The episode ${episode} has no ${kind}.json yet.`);
  return graph;
}

function insightLines(graph: GraphFile): string {
  const quotes = new Map(graph.nodes.filter((node) => node.type === "Quote").map((node) => [node.id, node.properties]));
  return graph.nodes
    .filter((node) => node.type === "Insight")
    .map((node) => {
      const support = graph.edges
        .filter((edge) => edge.type === "SUPPORTED_BY" && edge.from === node.id)
        .flatMap((edge): Record<string, unknown>[] => [quotes.get(edge.to) ?? {}]);
      return [
        `${node.properties.insight_type}: ${node.properties.text}`,
        ...support.map((quote) => `    ${Math.floor(Number(quote.timestamp_start_ms) / 1000)} s “${quote.text}”`),
      ].join("\n");
    })
    .join("\n");
}

function graphLines(graph: GraphFile): string {
  const lines = graph.nodes.map(
    (node) =>
      `${node.type.padEnd(13)} ${node.properties.name ?? node.properties.label ?? node.properties.title}${node.properties.role ? ` (${node.properties.role})` : ""}`,
  );
  return `${lines.join("\n")}\n${graph.edges.length} edges`;
}
