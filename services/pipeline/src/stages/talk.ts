import { AppError } from "@podcast/base";
import { type Idea, rankIdeas } from "../insight/rank.ts";
import { core } from "../insight/statement.ts";
import { tfidf } from "../insight/vectors.ts";
import { type TalkText, talkText } from "../text/analysis.ts";
import type { EpisodeContext, StageContext } from "./stage.ts";

export interface Talk extends TalkText {
  vectors: Float32Array[];
  brands: string[];
  /** Id of the embedding model; undefined when words alone were compared. */
  model: string | undefined;
}

/** The last talk that was read: summary, insights and graph of one episode share it. */
let last: { key: string; talk: Talk } | undefined;

/** The talk of an episode with a vector a statement. */
export async function readTalk(context: StageContext, target: EpisodeContext): Promise<Talk> {
  const transcript = await target.read.transcript();
  const text = await target.read.text();
  if (transcript === undefined || text === undefined)
    throw new AppError("ARTIFACT_MISSING", "There is no transcript yet.", { hint: "Run from speaker_detection on." });
  const cuts = (await target.read.cuts())?.cuts ?? [];
  const embedder = await context.models.embedder();
  const key = `${target.files.dir}\u0000${embedder?.model}\u0000${transcript.length}\u0000${text}`;
  if (last?.key === key) return last.talk;
  const base = talkText(transcript, text, cuts);
  const texts = base.statements.map((statement) => core(statement.text));
  const vectors = embedder ? await embedder.embed(texts, context.signal) : tfidf(texts);
  const talk: Talk = {
    ...base,
    vectors,
    model: embedder?.model,
    brands: cuts.flatMap((cut) => (cut.brand ? [cut.brand] : [])),
  };
  last = { key, talk };
  return talk;
}

/** Identity of what compares statements. */
export async function embeddingIdentity(context: StageContext): Promise<string> {
  return (await context.models.embeddingModel()) ?? "words";
}

export async function ensureEmbedding(context: StageContext): Promise<void> {
  await context.models.embedder();
}

/** Ideas that topics are named after. */
export const TOPIC_IDEAS = 14;

export function ideasOf(talk: Talk, limit: number): Idea[] {
  return rankIdeas(talk.statements, talk.vectors, limit);
}
