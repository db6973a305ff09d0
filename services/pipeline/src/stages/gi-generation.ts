import { writeJson } from "@podcast/base";
import { buildGi } from "../graph/build-graphs.ts";
import { findEntities } from "../graph/entities.ts";
import { talkTopics } from "../graph/talk-topics.ts";
import { extractInsights } from "../insight/extract.ts";
import { insightsWithModel } from "../insight/with-language-model.ts";
import type { StageOutcome, StageRunner } from "./stage.ts";
import { embeddingIdentity, ensureEmbedding, ideasOf, readTalk, TOPIC_IDEAS } from "./talk.ts";

/** Grounded insights: each with quotes that stand in the transcript to the character. */
export const giGeneration: StageRunner = {
  name: "gi_generation",
  prepare: ensureEmbedding,
  identity: embeddingIdentity,
  async run(context, target): Promise<StageOutcome> {
    const talk = await readTalk(context, target);
    const most = context.config["insights.max"];
    const topics = talkTopics(talk, ideasOf(talk, TOPIC_IDEAS), target.episode, context.config["graph.topics"]);
    const entities = findEntities(talk.transcript, talk.statements, talk.brands);
    const flags: string[] = [];
    let insights = extractInsights(talk, ideasOf(talk, most), topics, target.episode.key);
    let provider = `local:extractive${talk.model ? `+${talk.model.split("/")[1]}` : ""}`;
    let costUsd = 0;
    if (context.config["insights.provider"] === "llm" && talk.statements.length > 0) {
      const answer = await insightsWithModel(context, talk, topics, target.episode.key, most);
      insights = answer.insights;
      provider = `llm:${context.languageModel.model}`;
      costUsd = answer.costUsd;
      if (answer.dropped > 0) flags.push("quotes_dropped");
    }
    if (insights.length === 0) flags.push("insights_empty");
    await writeJson(
      target.files.file("gi.json"),
      buildGi({
        feed: target.feed,
        episode: target.episode,
        transcript: talk.transcript,
        insights,
        topics,
        entities,
        provider,
      }),
    );
    return {
      state: "done",
      outputs: ["gi.json"],
      flags,
      costUsd,
      metrics: { insights: insights.length, quotes: insights.reduce((sum, insight) => sum + insight.quotes.length, 0) },
    };
  },
};
