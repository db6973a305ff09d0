import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { AppError } from "@podcast/base";
import type { Corpus, EpisodeRef, GraphFile, GraphNode } from "../store.ts";

/** An episode as rows: for a database, or to look through. */
export interface EpisodeRows {
  episodeKey: string;
  fingerprint: string;
  durationMs: number | null;
  flags: string[];
  summary: { provider: string; title: string; paragraph: string; bullets: string[] } | undefined;
  segments: {
    position: number;
    start_ms: number;
    end_ms: number;
    char_start: number;
    char_end: number;
    speaker: string | null;
    voice_type: string;
    text: string;
  }[];
  insights: InsightRow[];
  quotes: QuoteRow[];
  support: { insight_id: string; quote_id: string }[];
  nodes: { id: string; type: string; label: string; properties: Record<string, unknown> }[];
  edges: { type: string; source: string; target: string; properties: Record<string, unknown> }[];
  artifacts: { kind: string; path: string; bytes: number; sha256: string }[];
}
export interface InsightRow {
  id: string;
  rank: number;
  text: string;
  type: string;
  salience: number;
  topic: string | null;
  speaker: string | null;
  grounded: boolean;
}
export interface QuoteRow {
  id: string;
  text: string;
  char_start: number;
  char_end: number;
  start_ms: number;
  end_ms: number;
  speaker: string | null;
}

/**
 * What the files of an episode say, as rows. The same files give the same rows, in the same order. Throws
 * ARTIFACT_MISSING where the episode has not been processed.
 */
export async function rowsOf(corpus: Corpus, ref: EpisodeRef): Promise<EpisodeRows> {
  const reader = corpus.open(ref);
  const [manifest, transcript, summary, gi, kg] = await Promise.all([
    reader.manifest(),
    reader.transcript(),
    reader.summary(),
    reader.gi(),
    reader.kg(),
  ]);
  if (manifest === undefined || transcript === undefined)
    throw new AppError("ARTIFACT_MISSING", `${ref.episode} has no transcript yet.`);
  const names = new Map(transcript.voices.map((voice) => [voice.id, voice.name ?? null]));
  const graph = insightRows(gi);
  const artifacts: EpisodeRows["artifacts"] = [];
  const folder = reader.files.dir;
  for (const record of Object.values(manifest.stages)) {
    for (const [name, sha256] of Object.entries(record.outputs)) {
      if (name.startsWith("media/")) continue;
      const bytes = (await stat(join(folder, name)).catch(() => undefined))?.size;
      if (bytes === undefined) continue;
      artifacts.push({ kind: name, path: relative(corpus.layout.root, join(folder, name)), bytes, sha256 });
    }
  }
  return {
    episodeKey: ref.episode,
    fingerprint: manifest.fingerprint,
    durationMs: transcript.duration_ms,
    flags: [...new Set(Object.values(manifest.stages).flatMap((stage) => stage.flags))].sort(),
    summary: summary && {
      provider: summary.provider,
      title: plain(summary.title),
      paragraph: plain(summary.paragraph),
      bullets: summary.bullets.map(plain),
    },
    segments: transcript.segments.map((segment, position) => ({
      position,
      start_ms: segment.start_ms,
      end_ms: segment.end_ms,
      char_start: segment.char_start,
      char_end: segment.char_end,
      speaker: names.get(segment.speaker) ?? null,
      voice_type: segment.voice_type,
      text: plain(segment.text),
    })),
    ...graph,
    nodes: unique(kg?.nodes ?? []).map((node) => ({
      id: node.id,
      type: node.type,
      label: plain(String(node.properties.label ?? node.properties.name ?? node.properties.title ?? node.id)),
      properties: JSON.parse(plain(JSON.stringify(node.properties))),
    })),
    edges: (kg?.edges ?? []).map((edge) => ({
      type: edge.type,
      source: edge.from,
      target: edge.to,
      properties: edge.properties ?? {},
    })),
    artifacts: artifacts.sort((a, b) => a.kind.localeCompare(b.kind)),
  };
}

function insightRows(gi: GraphFile | undefined): Pick<EpisodeRows, "insights" | "quotes" | "support"> {
  const nodes = unique(gi?.nodes ?? []);
  const edges = gi?.edges ?? [];
  const label = new Map(nodes.map((node) => [node.id, String(node.properties.label ?? node.properties.name ?? "")]));
  const support = edges
    .filter((edge) => edge.type === "SUPPORTED_BY")
    .map((edge) => ({ insight_id: edge.from, quote_id: edge.to }));
  const grounded = new Set(support.map((edge) => edge.insight_id));
  const insights = nodes
    .filter((node) => node.type === "Insight")
    .map((node, position) => {
      const topic = edges.find(
        (edge) => edge.type === "ABOUT" && edge.from === node.id && edge.to.startsWith("topic:"),
      );
      return {
        id: node.id,
        rank: Number(node.properties.rank ?? position),
        text: plain(String(node.properties.text)),
        type: String(node.properties.insight_type ?? "unknown"),
        salience: Number(node.properties.salience ?? 0),
        topic: topic ? (label.get(topic.to) ?? null) : null,
        speaker: typeof node.properties.speaker === "string" ? plain(node.properties.speaker) : null,
        grounded: grounded.has(node.id),
      };
    });
  const quotes = nodes
    .filter((node) => node.type === "Quote")
    .map((node) => ({
      id: node.id,
      text: plain(String(node.properties.text)),
      char_start: Number(node.properties.char_start),
      char_end: Number(node.properties.char_end),
      start_ms: Number(node.properties.timestamp_start_ms),
      end_ms: Number(node.properties.timestamp_end_ms),
      speaker: label.get(String(node.properties.speaker_id)) || null,
    }));
  const known = new Set([...insights.map((row) => row.id), ...quotes.map((row) => row.id)]);
  const pairs = new Map(support.map((row) => [`${row.insight_id} ${row.quote_id}`, row]));
  return {
    insights,
    quotes,
    support: [...pairs.values()].filter((row) => known.has(row.insight_id) && known.has(row.quote_id)),
  };
}

function unique(nodes: readonly GraphNode[]): GraphNode[] {
  return [...new Map(nodes.map((node) => [node.id, node])).values()];
}

/** Postgres holds no NUL in a text. */
function plain(text: string): string {
  return text.replaceAll("\0", "").replaceAll("\\u0000", "");
}
