import type { Episode, Summary } from "@podcast/corpus";
import type { Idea } from "../insight/rank.ts";
import { core } from "../insight/statement.ts";
import type { TalkStatement } from "../text/analysis.ts";

/** Sentences of the paragraph: enough to tell the talk, few enough to read. */
const PARAGRAPH = 14;

/**
 * An extractive summary: the strongest ideas in the order in which they are said, so that a reader follows the talk;
 * the same ideas, strongest first, as bullets. Words are the speakers' own, but for lead-ins that are left out.
 */
export function extractSummary(
  episode: Episode,
  ideas: readonly Idea[],
  statements: readonly TalkStatement[],
  bullets: number,
  toPoint: (unit: number) => number,
): Summary {
  const best = ideas.flatMap((idea) => [idea.best, ...idea.joined]);
  const told = [...new Set(best.slice(0, PARAGRAPH))].sort((a, b) => firstSaid(a, ideas) - firstSaid(b, ideas));
  const source = (index: number) => {
    const statement = statements[index] as TalkStatement;
    return { char_start: toPoint(statement.start), char_end: toPoint(statement.end), start_ms: statement.startMs };
  };
  return {
    schema: 1,
    provider: "local:extractive",
    title: episode.title,
    paragraph: told.map((index) => sentenceCase((statements[index] as TalkStatement).text)).join(" "),
    bullets: [...new Set(best)]
      .slice(0, bullets)
      .map((index) => sentenceCase((statements[index] as TalkStatement).text)),
    sources: told.map(source),
  };
}

function firstSaid(index: number, ideas: readonly Idea[]): number {
  const idea = ideas.find((one) => one.best === index);
  return idea ? Math.min(...idea.members) : index;
}

function sentenceCase(text: string): string {
  const bare = core(text).trim();
  return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}`;
}
