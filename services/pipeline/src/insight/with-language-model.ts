import { contentId, type Insight, InsightType, type Quote } from "@podcast/corpus";
import { z } from "zod";
import type { Topic } from "../graph/topics.ts";
import { labelled, materialOf } from "../providers/material.ts";
import type { StageContext } from "../stages/stage.ts";
import type { TalkStatement, TalkText } from "../text/analysis.ts";
import { quoteOf } from "./extract.ts";

const Answer = z.object({
  insights: z.array(z.object({ text: z.string().min(1), type: InsightType.catch("unknown"), quote: z.string() })),
});

export interface ModelInsights {
  insights: Insight[];
  /** Insights whose quote does not stand in the transcript. */
  dropped: number;
  costUsd: number;
}

/** Insights from a language model. Every quote is looked up in the transcript; one that is not there takes its insight down. */
export async function insightsWithModel(
  context: StageContext,
  talk: TalkText,
  topics: readonly Topic[],
  episodeKey: string,
  most: number,
): Promise<ModelInsights> {
  const answer = await context.languageModel.ask({
    capability: "insights",
    system:
      `Find at most ${most} insights in the podcast transcript: claims, recommendations, observations or questions that stand by themselves and are worth remembering. ` +
      "For each give text (one sentence), type, and quote: one sentence of the transcript, copied to the character, that supports it. Answer with JSON.",
    material: materialOf(labelled(talk), context.config["llm.contextTokens"]),
    schema: Answer,
    signal: context.signal,
  });
  const insights: Insight[] = [];
  let dropped = 0;
  for (const [rank, raw] of answer.value.insights.slice(0, most).entries()) {
    const quote = locate(talk, raw.quote);
    if (quote === undefined || insights.some((one) => one.text === raw.text)) {
      dropped++;
      continue;
    }
    const topic = topics.find((one) =>
      one.statements.some(
        (index) => (talk.statements[index] as TalkStatement).start === talk.points.toUnit(quote.char_start),
      ),
    );
    insights.push({
      id: `insight:${contentId(`${episodeKey} ${raw.text}`)}`,
      text: raw.text,
      type: raw.type,
      salience: Math.max(0.1, 1 - rank / most),
      ...(topic ? { topic: topic.label } : {}),
      speaker: quote.speaker,
      quotes: [quote],
    });
  }
  return { insights, dropped, costUsd: answer.costUsd };
}

/** The place of a quote: models change white space, quotation marks and case, and nothing else is forgiven. */
export function locate(talk: TalkText, quote: string): Quote | undefined {
  const wanted = plain(quote);
  if (wanted.length < 12) return undefined;
  const whole = talk.statements.find((statement) => plain(statement.text).includes(wanted));
  if (whole !== undefined) return quoteOf(talk, whole);
  for (const [position, statement] of talk.statements.entries()) {
    // A quote may run over a few sentences of one voice.
    let joined = statement.text;
    for (let next = position + 1; next < Math.min(position + 4, talk.statements.length); next++) {
      const other = talk.statements[next] as TalkStatement;
      if (
        other.speaker !== statement.speaker ||
        other.segment !== (talk.statements[next - 1] as TalkStatement).segment + 1
      )
        break;
      joined += ` ${other.text}`;
      if (plain(joined).includes(wanted)) return quoteOf(talk, { ...statement, end: other.end, endMs: other.endMs });
    }
  }
  return undefined;
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[’‘]/g, "'")
    .replace(/[“”"]/g, "")
    .replace(/[‐‑]/g, "-")
    .replace(/\s+/g, " ")
    .replace(/^[\s'.…-]+|[\s'.…-]+$/g, "");
}
