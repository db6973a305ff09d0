import {
  contentId,
  type Episode,
  type Feed,
  type GraphEdge,
  type GraphFile,
  type GraphNode,
  type Insight,
  nodeId,
  slugify,
  type Transcript,
} from "@podcast/corpus";
import type { EntityMention } from "./entities.ts";
import type { Topic } from "./topics.ts";

/** All that the two graphs of an episode are made of. */
export interface GraphInput {
  feed: Feed;
  episode: Episode;
  transcript: Transcript;
  insights: readonly Insight[];
  topics: readonly Topic[];
  entities: readonly EntityMention[];
  /** Where insights come from: "local:extractive" or "llm:<model>". */
  provider: string;
}

const UNKNOWN_DATE = "1970-01-01T00:00:00.000Z";

/** gi.json: insights with their evidence; GI schema 3.1. `grounded` holds exactly where a SUPPORTED_BY edge does. */
export function buildGi(input: GraphInput): GraphFile & { model_version: string; prompt_version: string } {
  const { feed, episode, transcript, insights, topics, entities } = input;
  const episodeId = `episode:${episode.key}`;
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  const add = (node: GraphNode) => nodes.has(node.id) || nodes.set(node.id, node);
  const link = (type: string, from: string, to: string) =>
    edges.set(`${type}\u0000${from}\u0000${to}`, { type, from, to });
  baseNodes(feed, episode, transcript).forEach(add);
  link("HAS_EPISODE", `podcast:${feed.key}`, episodeId);
  const person = new Map<string, string>();
  for (const voice of transcript.voices) {
    if (voice.name === undefined) continue;
    const id = nodeId("person", voice.name);
    person.set(voice.id, id);
    add({ id, type: "Person", properties: { name: voice.name } });
    link("SPOKE_IN", id, episodeId);
  }
  const topicIds = topics.map((topic) => {
    const id = nodeId("topic", topic.label);
    add({
      id,
      type: "Topic",
      properties: { label: topic.label, ...(topic.aliases.length > 0 ? { aliases: topic.aliases } : {}) },
    });
    link("MENTIONS", episodeId, id);
    return id;
  });
  const voices = new Map(transcript.voices.map((voice) => [voice.id, voice]));
  for (const [rank, insight] of insights.entries()) {
    const first = insight.quotes[0];
    const voice = first && voices.get(first.speaker);
    const position =
      insight.quotes.reduce((sum, quote) => sum + quote.start_ms, 0) /
      Math.max(1, insight.quotes.length) /
      Math.max(1, transcript.duration_ms);
    add({
      id: insight.id,
      type: "Insight",
      properties: {
        text: insight.text,
        episode_id: episodeId,
        grounded: insight.quotes.length > 0,
        insight_type: insight.type,
        position_hint: Math.min(1, Math.max(0, Math.round(position * 10_000) / 10_000)),
        ...(voice?.name === undefined ? {} : { speaker: voice.name }),
        speaker_voice_type: voice?.name === undefined ? "unidentified" : "person",
        surfaceable: voice?.name !== undefined,
        rank,
        salience: Math.min(1, Math.max(0, insight.salience)),
      },
    });
    link("HAS_INSIGHT", episodeId, insight.id);
    for (const quote of insight.quotes) {
      const id = `quote:${contentId(`${episode.key} ${quote.char_start} ${quote.char_end}`)}`;
      const speaker = person.get(quote.speaker);
      add({
        id,
        type: "Quote",
        properties: {
          text: quote.text,
          episode_id: episodeId,
          speaker_id: speaker ?? null,
          char_start: quote.char_start,
          char_end: quote.char_end,
          timestamp_start_ms: quote.start_ms,
          timestamp_end_ms: quote.end_ms,
          transcript_ref: "transcript.txt",
          ...(speaker === undefined ? { speaker_voice_type: "unidentified", speaker_name: quote.speaker } : {}),
        },
      });
      link("SUPPORTED_BY", insight.id, id);
      if (speaker !== undefined) link("SPOKEN_BY", id, speaker);
    }
    const about = topics.findIndex((topic) => topic.label === insight.topic);
    if (about >= 0) link("ABOUT", insight.id, topicIds[about] as string);
    for (const entity of entities) {
      if (!insight.text.toLowerCase().includes(entity.name.toLowerCase())) continue;
      const id = nodeId(entity.kind, entity.name);
      add({ id, type: entity.kind === "person" ? "Person" : "Organization", properties: { name: entity.name } });
      link(entity.kind === "person" ? "MENTIONS_PERSON" : "MENTIONS_ORG", insight.id, id);
    }
  }
  return {
    schema_version: "3.1",
    model_version: input.provider,
    prompt_version: "v1",
    episode_id: episodeId,
    nodes: [...nodes.values()],
    edges: [...edges.values()],
  };
}

/** kg.json: who, what and about what; KG schema 2.0. */
export function buildKg(input: Omit<GraphInput, "insights">, extractedAt: string): GraphFile & { extraction: object } {
  const { feed, episode, transcript, topics, entities, provider } = input;
  const episodeId = `episode:${episode.key}`;
  const podcastId = `podcast:${feed.key}`;
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [{ type: "HAS_EPISODE", from: podcastId, to: episodeId }];
  for (const node of baseNodes(feed, episode, transcript)) nodes.set(node.id, node);
  const near = new Map<string, Set<number>>();
  for (const topic of topics) {
    const id = nodeId("topic", topic.label);
    nodes.set(id, {
      id,
      type: "Topic",
      properties: { label: topic.label, slug: slugify(topic.label, 80) || id.slice(6) },
    });
    edges.push({
      type: "MENTIONS",
      from: episodeId,
      to: id,
      properties: { weight: topic.weight, mentions: topic.statements.length },
    });
    near.set(id, new Set(topic.statements));
  }
  for (const entity of entities) {
    const id = nodeId(entity.kind, entity.name);
    if (nodes.has(id)) continue;
    const role = entity.kind === "org" ? "mentioned" : entity.role;
    nodes.set(id, {
      id,
      type: entity.kind === "person" ? "Person" : "Organization",
      properties: { name: entity.name, role, ...(entity.aliases.length > 0 ? { aliases: entity.aliases } : {}) },
    });
    edges.push({ type: "MENTIONS", from: episodeId, to: id });
    if (role === "host") edges.push({ type: "HOSTS", from: id, to: podcastId });
    if (role === "guest") edges.push({ type: "GUESTS_ON", from: id, to: podcastId });
    near.set(id, new Set(entity.statements));
  }
  // What is said in one breath at least twice is related.
  const ids = [...near.keys()];
  for (const [position, a] of ids.entries()) {
    for (const b of ids.slice(position + 1)) {
      const together = [...(near.get(a) as Set<number>)].filter((statement) => near.get(b)?.has(statement)).length;
      if (together >= 2) edges.push({ type: "RELATED_TO", from: a, to: b, properties: { together } });
    }
  }
  return {
    schema_version: "2.0",
    episode_id: episodeId,
    extraction: { model_version: `provider:${provider}`, extracted_at: extractedAt, transcript_ref: "transcript.txt" },
    nodes: [...nodes.values()],
    edges,
  };
}

function baseNodes(feed: Feed, episode: Episode, transcript: Transcript): GraphNode[] {
  return [
    {
      id: `podcast:${feed.key}`,
      type: "Podcast",
      properties: { title: feed.title, rss_url: feed.url, ...(feed.author ? { publisher: feed.author } : {}) },
    },
    {
      id: `episode:${episode.key}`,
      type: "Episode",
      properties: {
        podcast_id: `podcast:${feed.key}`,
        title: episode.title,
        publish_date: episode.published ?? UNKNOWN_DATE,
        ...(episode.enclosure ? { audio_url: episode.enclosure.url } : {}),
        duration_ms: transcript.duration_ms,
        feed_id: feed.key,
      },
    },
  ];
}
