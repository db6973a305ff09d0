import type { Episode } from "@podcast/corpus";
import type { Idea } from "../insight/rank.ts";
import { isTalkAboutTalk } from "../insight/statement.ts";
import type { TalkText } from "../text/analysis.ts";
import { wordsOf } from "../text/words.ts";
import { topicsOfIdeas } from "./idea-topics.ts";
import { findTopics, mergeTopics, type Topic } from "./topics.ts";

/** Topics of the talk itself: greetings, the show's name and people's names are none. */
export function talkTopics(talk: TalkText, ideas: readonly Idea[], episode: Episode, limit: number): Topic[] {
  const names = talk.transcript.voices.flatMap((voice) => wordsOf(voice.name ?? ""));
  const texts = talk.statements.map((statement) => (isTalkAboutTalk(statement.text) ? "" : statement.text));
  const strong = ideas.filter((idea) => idea.members.length > 1 || idea.salience >= 0.55);
  const phrases = findTopics(
    texts,
    [episode.title, episode.description ?? ""],
    new Set([...names, ...wordsOf(episode.feed_title).filter((word) => word.length > 6)]),
    limit,
  );
  return mergeTopics(topicsOfIdeas(strong, texts), phrases, limit);
}
