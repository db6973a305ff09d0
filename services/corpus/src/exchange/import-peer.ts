import { glob } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError, readJson, sha256, sha256File, writeFileAtomic, writeJson } from "@podcast/base";
import type {
  Chunk,
  Chunks,
  Episode,
  Feed,
  Manifest,
  Transcript,
  TranscriptSegment,
  Voice,
} from "../artifacts/schemas.ts";
import { episodeKey, feedKey } from "../keys.ts";
import { Layout } from "../layout.ts";
import type { GraphFile } from "../store.ts";
import { pointCount } from "../text.ts";

/** What a podcast_scraper run folder holds for one episode; all of it may be missing. */
interface PeerMetadata {
  content?: {
    media_url?: string;
    speakers?: { id: string; name: string; role?: string }[];
    transcript_file_path?: string;
  };
  episode?: { episode_id?: string; title?: string; published_date?: string; duration_seconds?: number };
  feed?: { feed_id?: string; title?: string; url?: string; description?: string };
  summary?: { title?: string; bullets?: string[]; raw_text?: string };
}
interface PeerSegment {
  start: number;
  end: number;
  text: string;
  speaker_label?: string;
}

export interface ImportResult {
  episodes: { key: string; title: string }[];
  skipped: { file: string; reason: string }[];
}

/** Brings a podcast_scraper corpus into ours: transcripts, insights, graphs and summaries, ready for search. */
export async function importPeerCorpus(from: string, to: string): Promise<ImportResult> {
  const layout = new Layout(to);
  const result: ImportResult = { episodes: [], skipped: [] };
  const files: string[] = [];
  for await (const file of glob("**/*.metadata.json", { cwd: from })) files.push(file);
  if (files.length === 0)
    throw new AppError("CORPUS_MISSING", `${from} holds no podcast_scraper corpus (no *.metadata.json).`);
  for (const file of files.sort()) {
    try {
      result.episodes.push(await importEpisode(join(from, file), layout));
    } catch (error) {
      result.skipped.push({ file, reason: (error as Error).message });
    }
  }
  return result;
}

async function importEpisode(file: string, layout: Layout): Promise<{ key: string; title: string }> {
  const run = dirname(dirname(file));
  const stem = basename(file, ".metadata.json");
  const meta = (await readJson<PeerMetadata>(file)) ?? {};
  const segments = await readJson<PeerSegment[]>(join(run, "transcripts", `${stem}.segments.json`));
  if (!Array.isArray(segments)) throw new AppError("ARTIFACT_MISSING", "it has no segments");
  const feed = feedOf(meta);
  const episode = episodeOf(meta, feed, stem);
  const text = segments.map((segment) => segment.text.trim()).join("\n");
  const transcript = transcriptOf(segments, text, meta);
  const files = layout.episode(feed.key, episode.key);
  await writeJson(layout.feedFile(feed.key), feed);
  await writeJson(files.metadata, episode);
  await writeFileAtomic(files.file("transcript.txt"), text);
  await writeJson(files.file("transcript.json"), transcript);
  const gi = await readJson<GraphFile>(join(dirname(file), `${stem}.gi.json`));
  const kg = await readJson<GraphFile>(join(dirname(file), `${stem}.kg.json`));
  if (gi) await writeJson(files.file("gi.json"), gi);
  if (kg) await writeJson(files.file("kg.json"), kg);
  const summary = meta.summary;
  if (summary) {
    const paragraph = summary.raw_text ?? (summary.bullets ?? []).join(" ");
    await writeJson(files.file("summary.json"), {
      schema: 1,
      provider: "imported",
      title: summary.title ?? episode.title,
      paragraph,
      bullets: summary.bullets ?? [],
      sources: [],
    });
  }
  const chunks: Chunks = { schema: 1, chunks: chunksOf(transcript, gi) };
  await writeJson(files.file("chunks.json"), chunks);
  await writeManifest(files, episode.key, gi, kg, summary !== undefined);
  return { key: episode.key, title: episode.title };
}

function feedOf(meta: PeerMetadata): Feed {
  const title = meta.feed?.title ?? "Imported podcast";
  const identity = meta.feed?.feed_id ?? meta.feed?.url ?? title;
  const url = meta.feed?.url ?? `import:${identity}`;
  return {
    schema: 1,
    key: feedKey(title, identity),
    identity,
    url,
    urls: [url],
    title,
    ...(meta.feed?.description ? { description: meta.feed.description } : {}),
    categories: [],
    people: [],
  };
}

function episodeOf(meta: PeerMetadata, feed: Feed, stem: string): Episode {
  const title = meta.episode?.title ?? stem;
  const guid = meta.episode?.episode_id ?? stem;
  const published = Date.parse(
    `${meta.episode?.published_date ?? ""}${/Z|[+-]\d\d:/.test(meta.episode?.published_date ?? "Z") ? "" : "Z"}`,
  );
  return {
    schema: 1,
    key: episodeKey(title, feed.identity, guid),
    feed_key: feed.key,
    feed_title: feed.title,
    guid,
    title,
    ...(Number.isNaN(published) ? {} : { published: new Date(published).toISOString() }),
    transcripts: [],
    soundbites: [],
    people: (meta.content?.speakers ?? [])
      .filter((speaker) => speaker.name !== "Ad")
      .map((speaker) => ({ name: speaker.name, ...(speaker.role ? { role: speaker.role } : {}) })),
    feed_people: [],
    ...(meta.episode?.duration_seconds
      ? { declared_duration_ms: Math.round(meta.episode.duration_seconds * 1000) }
      : {}),
  };
}

function transcriptOf(segments: readonly PeerSegment[], text: string, meta: PeerMetadata): Transcript {
  const names = [...new Set(segments.map((segment) => segment.speaker_label ?? "Unknown"))];
  const roleOf = (name: string) => meta.content?.speakers?.find((speaker) => speaker.name === name)?.role;
  const voices = names.map((name, index): Voice => {
    const role = name === "Ad" ? "advert" : roleOf(name);
    const seconds = segments
      .filter((segment) => (segment.speaker_label ?? "Unknown") === name)
      .reduce((sum, segment) => sum + segment.end - segment.start, 0);
    return {
      id: `v${index + 1}`,
      ...(name === "Ad" || name === "Unknown" ? {} : { name }),
      type: role === "host" || role === "guest" || role === "advert" ? role : "unknown",
      seconds,
      evidence: ["imported"],
    };
  });
  let at = 0;
  const list = segments.map((segment, id): TranscriptSegment => {
    const said = segment.text.trim();
    const voice = voices[names.indexOf(segment.speaker_label ?? "Unknown")] as Voice;
    const start = at;
    at += pointCount(said) + 1;
    return {
      id,
      start_ms: Math.round(segment.start * 1000),
      end_ms: Math.round(segment.end * 1000),
      char_start: start,
      char_end: at - 1,
      speaker: voice.id,
      voice_type: voice.type,
      text: said,
    };
  });
  return {
    schema: 1,
    language: "en",
    duration_ms: Math.max(Math.round((meta.episode?.duration_seconds ?? 0) * 1000), list.at(-1)?.end_ms ?? 0),
    timed: true,
    source: { kind: "published", format: "podcast_scraper" },
    voices,
    segments: list,
    length: pointCount(text),
  };
}

function chunksOf(transcript: Transcript, gi: GraphFile | undefined): Chunk[] {
  const names = new Map(transcript.voices.map((voice) => [voice.id, voice.name ?? voice.id]));
  const chunks = transcript.segments.map(
    (segment, id): Chunk => ({
      id,
      kind: "transcript",
      char_start: segment.char_start,
      char_end: segment.char_end,
      start_ms: segment.start_ms,
      end_ms: segment.end_ms,
      speaker: names.get(segment.speaker) ?? segment.speaker,
      text: segment.text,
    }),
  );
  for (const node of gi?.nodes ?? []) {
    if (node.type !== "Insight") continue;
    chunks.push({
      id: chunks.length,
      kind: "insight",
      char_start: 0,
      char_end: 0,
      start_ms: 0,
      end_ms: 0,
      text: String(node.properties.text),
    });
  }
  return chunks;
}

/** Imported files are noted as done, so that the index takes them in. */
async function writeManifest(
  files: ReturnType<Layout["episode"]>,
  key: string,
  gi: unknown,
  kg: unknown,
  summary: boolean,
): Promise<void> {
  const started = new Date().toISOString();
  const stages: Manifest["stages"] = {};
  const add = async (stage: string, outputs: string[]) => {
    const hashes: Record<string, string> = {};
    for (const name of outputs) hashes[name] = await sha256File(files.file(name));
    stages[stage] = {
      state: "done",
      method_version: 1,
      fingerprint: sha256(`import ${JSON.stringify(hashes)}`).slice(0, 32),
      started,
      duration_s: 0,
      attempts: 1,
      metrics: {},
      flags: ["imported"],
      outputs: hashes,
    };
  };
  await add("speaker_detection", ["transcript.json", "transcript.txt"]);
  if (summary) await add("summarization", ["summary.json"]);
  if (gi) await add("gi_generation", ["gi.json"]);
  if (kg) await add("kg_extraction", ["kg.json"]);
  await add("vector_indexing", ["chunks.json"]);
  const fingerprint = sha256(
    Object.values(stages)
      .map((stage) => stage.fingerprint)
      .sort()
      .join("\n"),
  ).slice(0, 32);
  await writeJson(files.manifest, { schema: 1, episode_key: key, fingerprint, stages } satisfies Manifest);
}
