import { writeJson } from "@podcast/base";
import { z } from "zod";
import { buildKg } from "../graph/build-graphs.ts";
import { type EntityMention, findEntities } from "../graph/entities.ts";
import { talkTopics } from "../graph/talk-topics.ts";
import type { Topic } from "../graph/topics.ts";
import { labelled, materialOf } from "../providers/material.ts";
import { sameName } from "../speakers/name-voices.ts";
import type { TalkText } from "../text/analysis.ts";
import type { StageContext, StageOutcome, StageRunner } from "./stage.ts";
import { embeddingIdentity, ideasOf, readTalk, TOPIC_IDEAS } from "./talk.ts";

const Answer = z.object({
  topics: z.array(z.string()),
  entities: z.array(z.object({ name: z.string().min(1), kind: z.enum(["person", "org"]).catch("org") })),
});

/** The knowledge graph of an episode: people with roles, organisations, topics, and what goes with what. */
export const kgExtraction: StageRunner = {
  name: "kg_extraction",
  identity: embeddingIdentity,
  async run(context, target): Promise<StageOutcome> {
    const talk = await readTalk(context, target);
    const most = context.config["graph.topics"];
    let topics = talkTopics(talk, ideasOf(talk, TOPIC_IDEAS), target.episode, most);
    let entities = findEntities(talk.transcript, talk.statements, talk.brands);
    let provider = "local";
    let costUsd = 0;
    if (context.config["graph.provider"] === "llm" && talk.statements.length > 0) {
      const answer = await byModel(context, talk, entities, most);
      ({ topics, entities, costUsd } = answer);
      provider = context.languageModel.model;
    }
    const graph = buildKg(
      { feed: target.feed, episode: target.episode, transcript: talk.transcript, topics, entities, provider },
      new Date().toISOString(),
    );
    await writeJson(target.files.file("kg.json"), graph);
    return {
      state: "done",
      outputs: ["kg.json"],
      costUsd,
      metrics: { nodes: graph.nodes.length, edges: graph.edges.length },
    };
  },
};

/** Topics and entities from a language model; a name that the transcript does not hold is dropped. */
async function byModel(
  context: StageContext,
  talk: TalkText,
  known: readonly EntityMention[],
  most: number,
): Promise<{ topics: Topic[]; entities: EntityMention[]; costUsd: number }> {
  const answer = await context.languageModel.ask({
    capability: "graph",
    system: `List what the podcast transcript is about: at most ${most} topics (noun phrases of two to four words), and the people and organisations that it names. Answer with JSON.`,
    material: materialOf(labelled(talk), context.config["llm.contextTokens"]),
    schema: Answer,
    signal: context.signal,
  });
  const where = (text: string) =>
    talk.statements.flatMap((statement, index) =>
      statement.text.toLowerCase().includes(text.toLowerCase()) ? [index] : [],
    );
  const topics = [...new Set(answer.value.topics.map((topic) => topic.trim().toLowerCase()).filter(Boolean))]
    .slice(0, most)
    .map((label): Topic => ({ label, aliases: [], weight: 1, statements: where(label) }));
  const voices = known.filter((entity) => entity.role !== "mentioned");
  const named = answer.value.entities
    .map((entity): EntityMention => ({ ...entity, role: "mentioned", aliases: [], statements: where(entity.name) }))
    .filter((entity) => entity.statements.length > 0 && !voices.some((voice) => sameName(voice.name, entity.name)));
  return { topics, entities: [...voices, ...named], costUsd: answer.costUsd };
}
