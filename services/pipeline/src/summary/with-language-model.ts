import type { Episode, Summary } from "@podcast/corpus";
import { z } from "zod";
import { labelled, materialOf } from "../providers/material.ts";
import type { StageContext } from "../stages/stage.ts";
import type { TalkText } from "../text/analysis.ts";

const Answer = z.object({ title: z.string(), paragraph: z.string(), bullets: z.array(z.string()) });

/** A summary in a language model's words. */
export async function summarizeWithModel(
  context: StageContext,
  talk: TalkText,
  episode: Episode,
  bullets: number,
): Promise<{ summary: Summary; costUsd: number }> {
  const answer = await context.languageModel.ask({
    capability: "summary",
    system:
      `Summarise the podcast transcript: a title, one paragraph of about 150 words, and at most ${bullets} bullets of one sentence each. ` +
      "Say only what the transcript says. Leave out greetings and advertising. Answer with JSON.",
    material: materialOf(labelled(talk), context.config["llm.contextTokens"]),
    schema: Answer,
    signal: context.signal,
  });
  const { title, paragraph } = answer.value;
  return {
    costUsd: answer.costUsd,
    summary: {
      schema: 1,
      provider: `llm:${context.languageModel.model}`,
      title: title || episode.title,
      paragraph,
      bullets: answer.value.bullets.slice(0, bullets),
      sources: [],
    },
  };
}
