import { z } from "zod";
import { clusterVectors } from "./cluster.ts";

/** What moves the ranking of a tenant's digest; every rule can be read. */
export const DigestPreferences = z.object({
  watch: z
    .object({
      topics: z.array(z.string().trim().min(1).max(100)).max(100).default([]),
      people: z.array(z.string().trim().min(1).max(100)).max(100).default([]),
      organisations: z.array(z.string().trim().min(1).max(100)).max(100).default([]),
    })
    .default({ topics: [], people: [], organisations: [] }),
  muted_feeds: z.array(z.string().max(300)).max(1000).default([]),
  preferred_feeds: z.array(z.string().max(300)).max(1000).default([]),
  /** Minutes of listening that the selection may take; absent: no bound. */
  minutes: z.number().int().min(1).max(1440).optional(),
  /** Days that the digest looks back. */
  days: z.number().int().min(1).max(60).default(7),
  /** Let a language model write the opening; each sentence has to cite insights. */
  opening: z.boolean().default(false),
  email: z.email().max(200).optional(),
  webhook: z.url().max(1000).optional(),
});
export type DigestPreferences = z.infer<typeof DigestPreferences>;

const Reasons = z.array(z.string());
const Item = z.object({
  id: z.string(),
  episode: z.string(),
  text: z.string(),
  type: z.string(),
  topic: z.string().nullable(),
  speaker: z.string().nullable(),
  quote: z.string(),
  start_ms: z.number(),
  end_ms: z.number(),
  score: z.number(),
  /** Why it stands where it stands. */
  reasons: Reasons,
});
const EpisodeCard = z.object({
  episode: z.string(),
  feed: z.string(),
  feed_title: z.string(),
  title: z.string(),
  published: z.string(),
  duration_ms: z.number().nullable(),
  link: z.string().nullable(),
  lead: z.string(),
  score: z.number(),
  reasons: Reasons,
  items: z.array(Item),
  flags: z.array(z.string()),
});

/** A tenant's digest. */
export const TenantDigest = z.object({
  schema: z.literal(2),
  since: z.string(),
  until: z.string(),
  /** Per feed: what is new since the tenant last saw a digest. */
  inbox: z.array(
    z.object({
      feed: z.string(),
      feed_title: z.string(),
      since: z.string(),
      watermark: z.string(),
      episodes: z.array(z.string()),
    }),
  ),
  episodes: z.array(EpisodeCard),
  timeline: z.array(z.object({ day: z.string(), episodes: z.array(z.string()) })),
  /** The same story from several places. */
  clusters: z.array(
    z.object({
      label: z.string(),
      items: z.array(z.string()),
      episodes: z.array(z.string()),
      feeds: z.array(z.string()),
      score: z.number(),
    }),
  ),
  /** Topics with what is new about them; `first` where nothing was known before. */
  topics: z.array(
    z.object({
      topic: z.string(),
      first: z.boolean(),
      new_insights: z.number(),
      before: z.number(),
      items: z.array(z.string()),
    }),
  ),
  /** People and topics that several episodes join. */
  themes: z.array(z.object({ label: z.string(), kind: z.string(), episodes: z.array(z.string()), weight: z.number() })),
  watched: z.array(z.object({ kind: z.string(), name: z.string(), items: z.array(z.string()) })),
  /** What fits into the time that the listener has. */
  selection: z.object({
    minutes: z.number().nullable(),
    used_minutes: z.number(),
    clips: z.array(z.object({ item: z.string(), episode: z.string(), start_ms: z.number(), end_ms: z.number() })),
    left_out: z.number(),
  }),
  opening: z.array(z.object({ text: z.string(), cites: z.array(z.string()) })),
});
export type TenantDigest = z.infer<typeof TenantDigest>;
export type DigestItem = z.infer<typeof Item>;

export interface DigestEpisode {
  episode: string;
  feed: string;
  feedTitle: string;
  title: string;
  published: string;
  durationMs: number | null;
  link: string | null;
  paragraph: string;
  flags: readonly string[];
  /** Labels of people and organisations in the episode's graph. */
  people: readonly string[];
  organisations: readonly string[];
  topics: readonly string[];
}

export interface DigestInsight {
  id: string;
  episode: string;
  text: string;
  type: string;
  salience: number;
  topic: string | null;
  speaker: string | null;
  quote: string;
  startMs: number;
  endMs: number;
  vector?: Float32Array | undefined;
}

export interface DigestMaterial {
  since: string;
  until: string;
  episodes: readonly DigestEpisode[];
  insights: readonly DigestInsight[];
  /** Insights on a topic before this digest, by its lower-case name. */
  before: ReadonlyMap<string, number>;
  watermarks: ReadonlyMap<string, string>;
}

const LEAD_IN_MS = 10_000;
const LEAD_OUT_MS = 50_000;
const ITEMS_AN_EPISODE = 5;

/** Puts a digest together: a pure function of its material and preferences. */
export function composeDigest(material: DigestMaterial, preferences: DigestPreferences): TenantDigest {
  const muted = new Set(preferences.muted_feeds);
  const episodes = material.episodes.filter((episode) => !muted.has(episode.feed));
  const known = new Map(episodes.map((episode) => [episode.episode, episode]));
  const watch = watchRules(preferences);
  const scored = material.insights
    .filter((insight) => known.has(insight.episode))
    .map((insight) => ({
      insight,
      item: score(insight, known.get(insight.episode) as DigestEpisode, watch, preferences),
    }))
    .sort((a, b) => b.item.score - a.item.score || a.item.id.localeCompare(b.item.id));
  const items = scored.map((one) => one.item);
  const cards = episodes
    .map((episode) => card(episode, items))
    .sort((a, b) => b.score - a.score || b.published.localeCompare(a.published) || a.episode.localeCompare(b.episode));
  const shown = new Set(cards.flatMap((one) => one.items.map((item) => key(item))));
  const visible = scored.filter(({ item }) => shown.has(key(item)));
  return {
    schema: 2,
    since: material.since,
    until: material.until,
    inbox: inboxOf(episodes, material.watermarks, material.since),
    episodes: cards,
    timeline: timelineOf(episodes),
    clusters: clustersOf(visible, known),
    topics: topicsOf(
      visible.map(({ item }) => item),
      material.before,
    ),
    themes: themesOf(episodes),
    watched: watch
      .map(({ kind, name, matches }) => ({
        kind,
        name,
        items: visible
          .filter(({ insight }) => matches(insight, known.get(insight.episode) as DigestEpisode))
          .map(({ item }) => key(item)),
      }))
      .filter((one) => one.items.length > 0),
    selection: select(
      visible.map(({ item }) => item),
      known,
      preferences.minutes,
    ),
    opening: [],
  };
}

/** Insights of two episodes may say the same: an item is named by both. */
export function key(item: { episode: string; id: string }): string {
  return `${item.episode}#${item.id}`;
}

interface WatchRule {
  kind: "topic" | "person" | "organisation";
  name: string;
  matches: (insight: DigestInsight, episode: DigestEpisode) => boolean;
}

function watchRules({ watch }: DigestPreferences): WatchRule[] {
  const says = (text: string | null | undefined, name: string) =>
    text !== null && text !== undefined && ` ${plain(text)} `.includes(` ${plain(name)} `);
  return [
    ...watch.topics.map(
      (name): WatchRule => ({
        kind: "topic",
        name,
        matches: (insight) => says(insight.topic, name) || says(insight.text, name),
      }),
    ),
    ...watch.people.map(
      (name): WatchRule => ({
        kind: "person",
        name,
        matches: (insight) => says(insight.speaker, name) || says(insight.text, name),
      }),
    ),
    ...watch.organisations.map(
      (name): WatchRule => ({
        kind: "organisation",
        name,
        matches: (insight) => says(insight.text, name) || says(insight.quote, name),
      }),
    ),
  ];
}

function plain(text: string): string {
  return (text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).join(" ");
}

/** Salience, and what the listener's rules add; nothing else moves the order. */
function score(
  insight: DigestInsight,
  episode: DigestEpisode,
  watch: readonly WatchRule[],
  preferences: DigestPreferences,
): DigestItem {
  const reasons = [`salience ${insight.salience.toFixed(2)}`];
  let total = insight.salience;
  const add = (points: number, why: string) => {
    total += points;
    reasons.push(`${points > 0 ? "+" : ""}${points.toFixed(2)} ${why}`);
  };
  for (const rule of watch) if (rule.matches(insight, episode)) add(0.5, `you watch the ${rule.kind} “${rule.name}”`);
  if (preferences.preferred_feeds.includes(insight.episode) || preferences.preferred_feeds.includes(episode.feed))
    add(0.25, `you prefer ${episode.feedTitle}`);
  if (insight.type === "recommendation") add(0.05, "a recommendation");
  return {
    id: insight.id,
    episode: insight.episode,
    text: insight.text,
    type: insight.type,
    topic: insight.topic,
    speaker: insight.speaker,
    quote: insight.quote,
    start_ms: insight.startMs,
    end_ms: insight.endMs,
    score: Math.round(total * 1000) / 1000,
    reasons,
  };
}

function card(episode: DigestEpisode, items: readonly DigestItem[]): TenantDigest["episodes"][number] {
  const own = items.filter((item) => item.episode === episode.episode).slice(0, ITEMS_AN_EPISODE);
  const best = own[0];
  return {
    episode: episode.episode,
    feed: episode.feed,
    feed_title: episode.feedTitle,
    title: episode.title,
    published: episode.published,
    duration_ms: episode.durationMs,
    link: episode.link,
    lead: [...new Intl.Segmenter("en", { granularity: "sentence" }).segment(episode.paragraph)]
      .slice(0, 2)
      .map((part) => part.segment)
      .join("")
      .trim(),
    score: best?.score ?? 0,
    reasons: best ? [`its strongest insight: ${best.reasons.join(", ")}`] : ["no insight was found"],
    items: own,
    flags: [...episode.flags],
  };
}

function inboxOf(
  episodes: readonly DigestEpisode[],
  watermarks: ReadonlyMap<string, string>,
  since: string,
): TenantDigest["inbox"] {
  const feeds = Map.groupBy(episodes, (episode) => episode.feed);
  return [...feeds]
    .map(([feed, own]) => {
      const seen = watermarks.get(feed) ?? since;
      const fresh = own.filter((episode) => episode.published > seen);
      return {
        feed,
        feed_title: own[0]?.feedTitle ?? feed,
        since: seen,
        watermark:
          own
            .map((episode) => episode.published)
            .sort()
            .at(-1) ?? seen,
        episodes: fresh.sort((a, b) => b.published.localeCompare(a.published)).map((episode) => episode.episode),
      };
    })
    .sort((a, b) => b.episodes.length - a.episodes.length || a.feed_title.localeCompare(b.feed_title));
}

function timelineOf(episodes: readonly DigestEpisode[]): TenantDigest["timeline"] {
  const days = Map.groupBy(
    [...episodes].sort((a, b) => b.published.localeCompare(a.published)),
    (episode) => episode.published.slice(0, 10),
  );
  return [...days].map(([day, own]) => ({ day, episodes: own.map((episode) => episode.episode) }));
}

function clustersOf(
  scored: readonly { insight: DigestInsight; item: DigestItem }[],
  known: ReadonlyMap<string, DigestEpisode>,
): TenantDigest["clusters"] {
  const placed = scored.filter(({ insight }) => insight.vector !== undefined);
  return clusterVectors(placed.map(({ insight }) => insight.vector as Float32Array))
    .map((members) => {
      const own = members.map((member) => placed[member] as (typeof placed)[number]);
      const best = own.reduce((a, b) => (b.item.score > a.item.score ? b : a));
      const episodes = [...new Set(own.map(({ item }) => item.episode))];
      return {
        label: best.item.topic ?? best.item.text,
        items: own.map(({ item }) => key(item)),
        episodes,
        feeds: [...new Set(episodes.map((episode) => known.get(episode)?.feed ?? ""))],
        // The same from several shows is a story; one show that repeats itself is none.
        score: Math.round((best.item.score + 0.3 * (episodes.length - 1)) * 1000) / 1000,
      };
    })
    .sort((a, b) => b.score - a.score || a.label.localeCompare(b.label))
    .slice(0, 20);
}

function topicsOf(items: readonly DigestItem[], before: ReadonlyMap<string, number>): TenantDigest["topics"] {
  const topics = Map.groupBy(
    items.filter((item) => item.topic !== null),
    (item) => (item.topic as string).toLowerCase(),
  );
  return [...topics]
    .map(([name, own]) => ({
      topic: own[0]?.topic ?? name,
      first: (before.get(name) ?? 0) === 0,
      new_insights: own.length,
      before: before.get(name) ?? 0,
      items: own.map((item) => key(item)),
    }))
    .sort((a, b) => b.new_insights - a.new_insights || a.topic.localeCompare(b.topic))
    .slice(0, 40);
}

function themesOf(episodes: readonly DigestEpisode[]): TenantDigest["themes"] {
  const themes = new Map<string, { label: string; kind: string; episodes: Set<string>; feeds: Set<string> }>();
  for (const episode of episodes)
    for (const [kind, labels] of [
      ["topic", episode.topics],
      ["person", episode.people],
      ["organisation", episode.organisations],
    ] as const)
      for (const label of labels) {
        const held = themes.get(`${kind} ${plain(label)}`) ?? { label, kind, episodes: new Set(), feeds: new Set() };
        held.episodes.add(episode.episode);
        held.feeds.add(episode.feed);
        themes.set(`${kind} ${plain(label)}`, held);
      }
  return [...themes.values()]
    .filter((theme) => theme.episodes.size > 1)
    .map((theme) => ({
      label: theme.label,
      kind: theme.kind,
      episodes: [...theme.episodes].sort(),
      weight: theme.episodes.size + theme.feeds.size - 1,
    }))
    .sort((a, b) => b.weight - a.weight || a.label.localeCompare(b.label))
    .slice(0, 20);
}

/** Clips around the best quotes, until the time is spent; a clip that overlaps one before it joins it. */
function select(
  items: readonly DigestItem[],
  known: ReadonlyMap<string, DigestEpisode>,
  minutes: number | undefined,
): TenantDigest["selection"] {
  const budget = minutes === undefined ? Number.POSITIVE_INFINITY : minutes * 60_000;
  const clips: TenantDigest["selection"]["clips"] = [];
  let used = 0;
  let left = 0;
  for (const item of items) {
    const end = known.get(item.episode)?.durationMs ?? Number.POSITIVE_INFINITY;
    const clip = {
      item: key(item),
      episode: item.episode,
      start_ms: Math.max(0, item.start_ms - LEAD_IN_MS),
      end_ms: Math.min(end, item.end_ms + LEAD_OUT_MS),
    };
    const covered = clips.some(
      (other) => other.episode === clip.episode && other.start_ms <= item.start_ms && other.end_ms >= item.end_ms,
    );
    if (covered) continue;
    const length = clip.end_ms - clip.start_ms;
    if (used + length > budget) {
      left++;
      continue;
    }
    used += length;
    clips.push(clip);
  }
  return { minutes: minutes ?? null, used_minutes: Math.round(used / 6000) / 10, clips, left_out: left };
}

/** The digest as plain text, for mail. */
export function tenantDigestText(digest: TenantDigest): string {
  const lines = [`Podcast digest, ${digest.since.slice(0, 10)} to ${digest.until.slice(0, 10)}`, ""];
  for (const sentence of digest.opening) lines.push(sentence.text);
  if (digest.opening.length > 0) lines.push("");
  if (digest.episodes.length === 0) lines.push("Nothing new was finished in this time.");
  for (const episode of digest.episodes) {
    lines.push(`${episode.feed_title} — ${episode.title} (${episode.published.slice(0, 10)})`);
    if (episode.lead) lines.push(`    ${episode.lead}`);
    for (const item of episode.items)
      lines.push(`  • ${item.speaker ? `${item.speaker}: ` : ""}${item.text} [${clock(item.start_ms)}]`);
    lines.push("");
  }
  if (digest.selection.minutes !== null)
    lines.push(
      `Selected for your ${digest.selection.minutes} minutes: ${digest.selection.clips.length} clips, ${digest.selection.used_minutes} min.`,
    );
  return `${lines.join("\n")}\n`;
}

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
