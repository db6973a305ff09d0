import { z } from "zod";
import type { Corpus, EpisodeReader, GraphFile } from "../store.ts";

/** A digest of what is new; digests/<id>.json. */
export const Digest = z.object({
  schema: z.literal(1),
  since: z.string(),
  until: z.string(),
  episodes: z.array(
    z.object({
      feed: z.string(),
      feed_title: z.string(),
      episode: z.string(),
      title: z.string(),
      published: z.string(),
      duration_ms: z.number(),
      link: z.string().optional(),
      lead: z.string(),
      insights: z.array(
        z.object({
          text: z.string(),
          type: z.string(),
          speaker: z.string().optional(),
          start_ms: z.number(),
          quote: z.string(),
          link: z.string().optional(),
        }),
      ),
      flags: z.array(z.string()),
    }),
  ),
});
export type Digest = z.infer<typeof Digest>;

/** Sentences of the summary that lead an episode. */
const LEAD = 2;

/** Episodes published between two moments (ISO 8601), newest first, with summary lead and strongest insights. */
export async function buildDigest(
  corpus: Corpus,
  options: { since: string; until: string; insights?: number },
): Promise<Digest> {
  const episodes: Digest["episodes"] = [];
  for (const ref of await corpus.episodes()) {
    const reader = corpus.open(ref);
    const metadata = await reader.metadata();
    const published = metadata?.published;
    if (metadata === undefined || published === undefined || published < options.since || published > options.until)
      continue;
    const transcript = await reader.transcript();
    if (transcript === undefined) continue;
    const summary = await reader.summary();
    const audio = metadata.enclosure?.url;
    episodes.push({
      feed: ref.feed,
      feed_title: metadata.feed_title,
      episode: ref.episode,
      title: metadata.title,
      published,
      duration_ms: transcript.duration_ms,
      ...((metadata.link ?? audio) ? { link: metadata.link ?? audio } : {}),
      lead: leadOf(summary?.paragraph ?? ""),
      insights: topInsights(await reader.gi(), options.insights ?? 3, audio),
      flags: await qualityFlags(reader),
    });
  }
  episodes.sort((a, b) => b.published.localeCompare(a.published) || a.episode.localeCompare(b.episode));
  return { schema: 1, since: options.since, until: options.until, episodes };
}

function leadOf(paragraph: string): string {
  return [...new Intl.Segmenter("en", { granularity: "sentence" }).segment(paragraph)]
    .slice(0, LEAD)
    .map((part) => part.segment)
    .join("")
    .trim();
}

function topInsights(
  gi: GraphFile | undefined,
  most: number,
  audio: string | undefined,
): Digest["episodes"][number]["insights"] {
  const insights = (gi?.nodes ?? [])
    .filter((node) => node.type === "Insight")
    .sort((a, b) => Number(a.properties.rank) - Number(b.properties.rank));
  return insights.slice(0, most).flatMap((node) => {
    const support = gi?.edges.find((edge) => edge.type === "SUPPORTED_BY" && edge.from === node.id);
    const quote = gi?.nodes.find((one) => one.id === support?.to);
    if (quote === undefined) return [];
    const startMs = Number(quote.properties.timestamp_start_ms);
    return [
      {
        text: String(node.properties.text),
        type: String(node.properties.insight_type),
        ...(typeof node.properties.speaker === "string" ? { speaker: node.properties.speaker } : {}),
        start_ms: startMs,
        quote: String(quote.properties.text),
        // A media fragment: players start at this second (W3C Media Fragments URI 1.0).
        ...(audio ? { link: `${audio}#t=${Math.floor(startMs / 1000)}` } : {}),
      },
    ];
  });
}

async function qualityFlags(reader: EpisodeReader): Promise<string[]> {
  const manifest = await reader.manifest();
  return [...new Set(Object.values(manifest?.stages ?? {}).flatMap((stage) => stage.flags))];
}

/** "1:02:03" or "2:03". */
export function clockTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const pad = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

export function digestText(digest: Digest): string {
  if (digest.episodes.length === 0)
    return `Nothing was published between ${digest.since.slice(0, 10)} and ${digest.until.slice(0, 10)}.`;
  return digest.episodes
    .map((episode) => {
      const lines = [
        `${episode.published.slice(0, 10)}  ${episode.feed_title} — ${episode.title} (${clockTime(episode.duration_ms)})`,
      ];
      if (episode.lead) lines.push(`    ${episode.lead}`);
      for (const insight of episode.insights)
        lines.push(
          `  • [${clockTime(insight.start_ms)}] ${insight.speaker ? `${insight.speaker}: ` : ""}${insight.text}`,
        );
      return lines.join("\n");
    })
    .join("\n\n");
}

export function digestMarkdown(digest: Digest): string {
  const head = `# Podcast digest, ${digest.since.slice(0, 10)} to ${digest.until.slice(0, 10)}\n`;
  const parts = digest.episodes.map((episode) => {
    const title = episode.link ? `[${escapeMarkup(episode.title)}](${url(episode.link)})` : escapeMarkup(episode.title);
    const lines = [
      `## ${title}`,
      `*${escapeMarkup(episode.feed_title)}, ${episode.published.slice(0, 10)}, ${clockTime(episode.duration_ms)}*`,
      "",
    ];
    if (episode.lead) lines.push(escapeMarkup(episode.lead), "");
    for (const insight of episode.insights) {
      const time = insight.link
        ? `[${clockTime(insight.start_ms)}](${url(insight.link)})`
        : clockTime(insight.start_ms);
      lines.push(
        `- ${time} ${insight.speaker ? `**${escapeMarkup(insight.speaker)}:** ` : ""}${escapeMarkup(insight.text)}`,
      );
    }
    return lines.join("\n");
  });
  return `${[head, ...parts].join("\n")}\n`;
}

/** Feed text is data: it must not become markup. */
function escapeMarkup(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|]/g, "\\$&");
}

function url(text: string): string {
  return text.replace(/[()\s<>]/g, encodeURIComponent);
}
