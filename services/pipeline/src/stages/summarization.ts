import { writeJson } from "@podcast/base";
import { extractSummary } from "../summary/extract.ts";
import { summarizeWithModel } from "../summary/with-language-model.ts";
import type { StageOutcome, StageRunner } from "./stage.ts";
import { embeddingIdentity, ensureEmbedding, ideasOf, readTalk } from "./talk.ts";

/** Paragraph and bullets. */
export const summarization: StageRunner = {
  name: "summarization",
  prepare: ensureEmbedding,
  identity: embeddingIdentity,
  async run(context, target): Promise<StageOutcome> {
    const talk = await readTalk(context, target);
    const bullets = context.config["summary.bullets"];
    const ideas = ideasOf(talk, Math.max(bullets, 14));
    const extracted = extractSummary(target.episode, ideas, talk.statements, bullets, (unit) =>
      talk.points.toPoint(unit),
    );
    if (context.config["summary.provider"] === "llm" && talk.statements.length > 0) {
      const { summary, costUsd } = await summarizeWithModel(context, talk, target.episode, bullets);
      await writeJson(target.files.file("summary.json"), summary);
      return { state: "done", outputs: ["summary.json"], costUsd };
    }
    await writeJson(target.files.file("summary.json"), extracted);
    return { state: "done", outputs: ["summary.json"], flags: ideas.length === 0 ? ["summary_empty"] : [] };
  },
};
