import { contentStems, wordsOf } from "../text/words.ts";
import { core, isTalkAboutTalk, type Statement, worth } from "./statement.ts";
import { similarity } from "./vectors.ts";

/** Statements that say the same, and the one that says it best. */
export interface Idea {
  best: number;
  members: number[];
  salience: number;
  /** Best statements of ideas that came too late for a place of their own and belong to this one. */
  joined: number[];
}

/** Above this two statements are one idea said twice. Cosine. */
const SAME = 0.8;
const SAME_WORDS = 0.72;
/** From here on two ideas are about one matter. Cosine. */
const RELATED = 0.28;
/** Share of the weakest chosen idea that one without a place needs to be kept at all. */
const STRONG = 0.8;
/** How much an idea loses for being like one that is chosen already. */
const DIVERSITY = 0.55;

/**
 * Ideas of a talk, most worth keeping first: statements that stand by themselves, grouped with their repetitions,
 * scored by worth, by how often they are said and how central they are, and picked so that each adds something new
 * (maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998).
 */
export function rankIdeas(statements: readonly Statement[], vectors: readonly Float32Array[], limit: number): Idea[] {
  const usable = statements
    .map((_, index) => index)
    .filter((index) => !isTalkAboutTalk((statements[index] as Statement).text));
  const groups = group(usable, statements, vectors);
  if (groups.length === 0) return [];
  const mean = centre(usable.map((index) => vectors[index] as Float32Array));
  const ideas = groups.map((members): Idea => {
    const best = wording(members, statements);
    const central = Math.max(0, similarity(vectors[best] as Float32Array, mean));
    const said = Math.log2(1 + members.length) / Math.log2(1 + Math.max(3, statements.length / 12));
    const salience = 0.5 * worth(statements[best] as Statement) + 0.3 * Math.min(1, said) + 0.2 * central;
    return { best, members, salience: Math.round(salience * 1000) / 1000, joined: [] };
  });
  const chosen = pick(ideas, vectors, limit);
  foldIn(ideas, chosen, vectors);
  return chosen;
}

/** A strong idea without a place joins the chosen one that it is closest to, as a second sentence of that insight. */
function foldIn(ideas: readonly Idea[], chosen: readonly Idea[], vectors: readonly Float32Array[]): void {
  const weakest = Math.min(...chosen.map((idea) => idea.salience));
  const late = ideas.filter(
    (idea) => !chosen.includes(idea) && idea.members.length > 1 && idea.salience >= weakest * STRONG,
  );
  for (const idea of late.sort((a, b) => b.salience - a.salience)) {
    const free = chosen.filter((home) => home.joined.length === 0);
    const closeness = (home: Idea) =>
      similarity(vectors[idea.best] as Float32Array, vectors[home.best] as Float32Array);
    const home = free.sort((a, b) => closeness(b) - closeness(a))[0];
    if (home !== undefined && closeness(home) >= RELATED) home.joined.push(idea.best);
  }
}

/** The wording to keep: the one said most often, then the one with the least beside what all of them share. */
function wording(members: readonly number[], statements: readonly Statement[]): number {
  const bags = members.map((index) => wordsOf(core((statements[index] as Statement).text)));
  const frequency = new Map<string, number>();
  for (const bag of bags) for (const word of new Set(bag)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  let best = 0;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const [position, bag] of bags.entries()) {
    const typical = bag.reduce((sum, word) => sum + (frequency.get(word) ?? 0), 0) / (bag.length * members.length);
    const value = typical + worth(statements[members[position] as number] as Statement);
    if (value > bestScore + 1e-9) {
      best = position;
      bestScore = value;
    }
  }
  return members[best] as number;
}

function group(
  usable: readonly number[],
  statements: readonly Statement[],
  vectors: readonly Float32Array[],
): number[][] {
  const groups: number[][] = [];
  const stems = new Map(usable.map((index) => [index, new Set(contentStems((statements[index] as Statement).text))]));
  for (const index of usable) {
    const home = groups.find((members) => {
      const first = members[0] as number;
      return (
        similarity(vectors[index] as Float32Array, vectors[first] as Float32Array) >= SAME ||
        overlap(stems.get(index) as Set<string>, stems.get(first) as Set<string>) >= SAME_WORDS
      );
    });
    if (home) home.push(index);
    else groups.push([index]);
  }
  return groups;
}

/** Share of the smaller set that the larger holds (overlap coefficient). */
function overlap(a: Set<string>, b: Set<string>): number {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  if (small.size < 3) return 0;
  let common = 0;
  for (const term of small) if (large.has(term)) common++;
  return common / small.size;
}

function pick(ideas: Idea[], vectors: readonly Float32Array[], limit: number): Idea[] {
  const left = [...ideas];
  const chosen: Idea[] = [];
  while (chosen.length < limit && left.length > 0) {
    let top = 0;
    let topScore = Number.NEGATIVE_INFINITY;
    for (const [position, idea] of left.entries()) {
      const nearest = Math.max(
        0,
        ...chosen.map((other) => similarity(vectors[idea.best] as Float32Array, vectors[other.best] as Float32Array)),
      );
      const value = idea.salience - DIVERSITY * Math.max(0, nearest - 0.45);
      if (value > topScore) {
        top = position;
        topScore = value;
      }
    }
    chosen.push(...left.splice(top, 1));
  }
  return chosen;
}

function centre(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0);
  for (const vector of vectors)
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (vector[i] as number) / vectors.length;
  return sum;
}
