import { sha256 } from "@podcast/base";
import type { Episode, Insight } from "@podcast/corpus";
import { findAdverts } from "../cleaning/find-adverts.ts";
import { talkTopics } from "../graph/talk-topics.ts";
import { extractInsights } from "../insight/extract.ts";
import { rankIdeas } from "../insight/rank.ts";
import { core } from "../insight/statement.ts";
import { tfidf, type Vectorise } from "../insight/vectors.ts";
import { attribute } from "../speakers/attribute.ts";
import { composeTranscript } from "../speakers/compose.ts";
import { extractSummary } from "../summary/extract.ts";
import { talkText } from "../text/analysis.ts";
import { TimedText } from "../text/timed-text.ts";
import { importTranscript } from "../transcripts/formats.ts";
import { importedToAsr } from "../transcripts/to-asr.ts";

export interface TextResult {
  insights: Insight[];
  topics: string[];
  paragraph: string;
  bullets: string[];
  /** Seconds in our own code, calls of models left out. */
  seconds: number;
}

/** The text stages on a plain transcript, by the same functions as a run: for evaluation and benchmarks. */
export async function runTextStages(
  text: string,
  title: string,
  options: { vectorise: Vectorise | undefined; maxInsights: number; maxTopics: number; bullets: number },
): Promise<TextResult> {
  let clock = performance.now();
  let seconds = 0;
  const asr = importedToAsr(importTranscript(text, "text"), undefined, "", "en");
  const timed = new TimedText(asr);
  const cuts = findAdverts(timed, attribute(timed, asr, undefined), 0.4);
  const episode: Episode = {
    schema: 1,
    key: sha256(text).slice(0, 10),
    feed_key: "text",
    feed_title: "",
    guid: title,
    title,
    transcripts: [],
    soundbites: [],
    people: [],
    feed_people: [],
  };
  const { transcript, text: composed } = composeTranscript(asr, undefined, { schema: 1, ...cuts }, episode);
  const base = talkText(transcript, composed, cuts.cuts);
  const texts = base.statements.map((statement) => core(statement.text));
  seconds += performance.now() - clock;
  const vectors = options.vectorise ? await options.vectorise(texts) : tfidf(texts);
  clock = performance.now();
  const topics = talkTopics(base, rankIdeas(base.statements, vectors, 14), episode, options.maxTopics);
  const insights = extractInsights(base, rankIdeas(base.statements, vectors, options.maxInsights), topics, episode.key);
  const summary = extractSummary(
    episode,
    rankIdeas(base.statements, vectors, Math.max(options.bullets, 14)),
    base.statements,
    options.bullets,
    (unit) => base.points.toPoint(unit),
  );
  seconds += performance.now() - clock;
  return {
    insights,
    topics: topics.map((topic) => topic.label),
    paragraph: summary.paragraph,
    bullets: summary.bullets,
    seconds: seconds / 1000,
  };
}
