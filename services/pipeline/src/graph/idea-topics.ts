import type { Idea } from "../insight/rank.ts";
import { core } from "../insight/statement.ts";
import { STOPWORDS, wordsOf } from "../text/words.ts";
import { isWeak, type Topic } from "./topics.ts";

/**
 * The matter of an idea: what its statement opens with. A speaker names the thing first and says something about it
 * after, so the first words with content are the topic: "Tire pressure and casing choice often matter more …".
 */
export function topicOfStatement(text: string): string | undefined {
  const runs = contentRuns(core(text));
  const first = runs[0];
  if (first === undefined) return undefined;
  const head = first.words.slice(0, 2);
  const second = runs[1];
  if (second?.link === "and") return [...head, "and", ...second.words.slice(0, 2)].join(" ");
  if (head.length === 1 && second !== undefined) {
    // A single word says little; what is said of it says more: "conditions are wet" is about wet conditions.
    if (second.link === "is") return `${second.words[0]} ${head[0]}`;
    return [...head, "and", ...second.words.slice(0, 1)].join(" ");
  }
  return head.length === 1 && (head[0] as string).length < 4 ? undefined : head.join(" ");
}

interface Run {
  words: string[];
  /** What stands between this run and the one before: "and", a form of "to be", or something else. */
  link: "and" | "is" | "other";
}

const COPULA = new Set(["is", "are", "was", "were", "be", "should", "can", "must", "mostly", "often", "feel", "feels"]);

/** Words with content in a row, within clauses. */
function contentRuns(text: string): Run[] {
  const runs: Run[] = [];
  for (const clause of text.replace(/[‐‑]/g, "-").split(/[,;:!?()"“”—–]|\.(?=\s|$)/)) {
    let between: string[] = ["|"];
    for (const word of wordsOf(clause)) {
      if (isEmpty(word)) {
        between.push(word);
        continue;
      }
      const last = runs.at(-1);
      if (between.length === 0 && last !== undefined) last.words.push(word);
      else
        runs.push({
          words: [word],
          link: between.join(" ") === "and" ? "and" : between.every((one) => COPULA.has(one)) ? "is" : "other",
        });
      between = [];
    }
  }
  return runs;
}

function isEmpty(word: string): boolean {
  return (
    STOPWORDS.has(word.replace(/'.*$/, "")) ||
    COPULA.has(word) ||
    word.length < 3 ||
    isWeak(word) ||
    /^\p{N}+$/u.test(word) ||
    (/ly$/.test(word) && word.length > 5)
  );
}

/** One topic an idea, strongest first. */
export function topicsOfIdeas(ideas: readonly Idea[], texts: readonly string[]): Topic[] {
  const topics: Topic[] = [];
  for (const idea of ideas) {
    const label = topicOfStatement(texts[idea.best] as string);
    if (label === undefined || topics.some((topic) => topic.label === label)) continue;
    topics.push({
      label,
      aliases: [],
      weight: idea.salience * Math.sqrt(idea.members.length),
      statements: [...idea.members],
    });
  }
  return topics;
}
