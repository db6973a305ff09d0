import { AppError, writeJson } from "@podcast/base";
import {
  type Chunk,
  type Chunks,
  CodePoints,
  encodeVector,
  type GraphFile,
  type Summary,
  type Transcript,
} from "@podcast/corpus";
import { wordsOf } from "../text/words.ts";
import type { StageOutcome, StageRunner } from "./stage.ts";
import { embeddingIdentity, ensureEmbedding } from "./talk.ts";

/** Cuts the transcript into chunks at sentences and embeds them, with insights and summary beside. */
export const vectorIndexing: StageRunner = {
  name: "vector_indexing",
  prepare: ensureEmbedding,
  identity: embeddingIdentity,
  async run(context, target): Promise<StageOutcome> {
    const transcript = await target.read.transcript();
    const text = await target.read.text();
    if (transcript === undefined || text === undefined)
      throw new AppError("ARTIFACT_MISSING", "There is no transcript yet.", { hint: "Run from speaker_detection on." });
    const chunks = makeChunks(
      transcript,
      text,
      await target.read.gi(),
      await target.read.summary(),
      context.config["index.chunkTokens"],
    );
    const embedder = await context.models.embedder();
    const vectors = embedder
      ? await embedder.embed(
          chunks.map((chunk) => chunk.text),
          context.signal,
        )
      : undefined;
    const artifact: Chunks = {
      schema: 1,
      ...(embedder ? { model: embedder.model, dimensions: embedder.dimensions } : {}),
      chunks,
      ...(vectors ? { vectors: vectors.map(encodeVector) } : {}),
    };
    await writeJson(target.files.file("chunks.json"), artifact);
    return {
      state: "done",
      outputs: ["chunks.json"],
      metrics: { chunks: chunks.length },
      flags: embedder ? [] : ["words_only"],
    };
  },
};

/**
 * Chunks of about `words` words: whole sentences of one voice, so that a hit has one speaker and one time (ADR-062);
 * a short turn joins the next one's chunk only when both are of one voice. Insights and the summary are chunks too.
 */
export function makeChunks(
  transcript: Transcript,
  text: string,
  gi: GraphFile | undefined,
  summary: Summary | undefined,
  words: number,
): Chunk[] {
  const points = new CodePoints(text);
  const names = new Map(transcript.voices.map((voice) => [voice.id, voice.name ?? voice.id]));
  const chunks: Chunk[] = [];
  let count = 0;
  let speaker: string | undefined;
  for (const segment of transcript.segments) {
    const size = wordsOf(segment.text).length;
    const last = chunks.at(-1);
    if (last !== undefined && speaker === segment.speaker && count + size <= words) {
      last.char_end = segment.char_end;
      last.end_ms = Math.max(last.end_ms, segment.end_ms);
      last.text = points.slice(last.char_start, last.char_end);
      count += size;
      continue;
    }
    chunks.push({
      id: chunks.length,
      kind: "transcript",
      char_start: segment.char_start,
      char_end: segment.char_end,
      start_ms: segment.start_ms,
      end_ms: segment.end_ms,
      speaker: names.get(segment.speaker) ?? segment.speaker,
      text: segment.text,
    });
    count = size;
    speaker = segment.speaker;
  }
  const quotes = new Map(
    (gi?.nodes ?? []).filter((node) => node.type === "Quote").map((node) => [node.id, node.properties]),
  );
  for (const node of gi?.nodes ?? []) {
    if (node.type !== "Insight") continue;
    const support = gi?.edges.find((edge) => edge.type === "SUPPORTED_BY" && edge.from === node.id);
    const quote = support && quotes.get(support.to);
    if (quote === undefined) continue;
    chunks.push({
      id: chunks.length,
      kind: "insight",
      char_start: Number(quote.char_start),
      char_end: Number(quote.char_end),
      start_ms: Number(quote.timestamp_start_ms),
      end_ms: Number(quote.timestamp_end_ms),
      ...(typeof node.properties.speaker === "string" ? { speaker: node.properties.speaker } : {}),
      text: String(node.properties.text),
    });
  }
  if (summary && summary.paragraph !== "") {
    chunks.push({
      id: chunks.length,
      kind: "summary",
      char_start: 0,
      char_end: transcript.length,
      start_ms: 0,
      end_ms: transcript.duration_ms,
      text: summary.paragraph,
    });
  }
  return chunks;
}
