import { contentId, type Insight, type Quote } from "@podcast/corpus";
import type { Topic } from "../graph/topics.ts";
import type { TalkStatement, TalkText } from "../text/analysis.ts";
import type { Idea } from "./rank.ts";
import { classify, core } from "./statement.ts";

/** How often the same idea is quoted at most: the best wording, then where else it is said. */
const QUOTES = 3;

/** Insights from ranked ideas: the best wording as text, verbatim quotes with times and speakers as evidence. */
export function extractInsights(
  talk: TalkText,
  ideas: readonly Idea[],
  topics: readonly Topic[],
  episodeKey: string,
): Insight[] {
  return ideas.map((idea): Insight => {
    const own = [idea.best, ...idea.joined];
    const again = idea.members
      .filter((index) => !own.includes(index) && differentPlace(talk, index, idea.best))
      .slice(0, Math.max(0, QUOTES - own.length));
    const quotes = [...own, ...again].map((index) => quoteOf(talk, talk.statements[index] as TalkStatement));
    const best = talk.statements[idea.best] as TalkStatement;
    const text = own.map((index) => sentence((talk.statements[index] as TalkStatement).text)).join(" ");
    const topic =
      topics.find((one) => one.statements.includes(idea.best)) ??
      topics.find((one) => one.statements.some((index) => idea.members.includes(index)));
    return {
      id: `insight:${contentId(`${episodeKey} ${text}`)}`,
      text,
      type: classify(best.text),
      salience: idea.salience,
      ...(topic === undefined ? {} : { topic: topic.label }),
      speaker: best.speaker,
      quotes,
    };
  });
}

export function quoteOf(
  talk: TalkText,
  span: { start: number; end: number; startMs: number; endMs: number; speaker: string },
): Quote {
  return {
    text: talk.text.slice(span.start, span.end),
    char_start: talk.points.toPoint(span.start),
    char_end: talk.points.toPoint(span.end),
    start_ms: span.startMs,
    end_ms: span.endMs,
    speaker: span.speaker,
  };
}

/** Said by another voice, or minutes away: evidence that the idea comes back. */
function differentPlace(talk: TalkText, a: number, b: number): boolean {
  const [one, other] = [talk.statements[a] as TalkStatement, talk.statements[b] as TalkStatement];
  return one.speaker !== other.speaker || Math.abs(one.startMs - other.startMs) > 60_000;
}

function sentence(text: string): string {
  const bare = core(text).trim();
  return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}`;
}
