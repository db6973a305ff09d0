import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, readJson, toAppError, withRetries, writeFileAtomic, writeJson } from "@podcast/base";
import type { Media, TranscriptLink } from "@podcast/corpus";
import { downloadMedia } from "../media/download.ts";
import { importTranscript } from "../transcripts/formats.ts";
import { TRANSCRIPT_FORMATS, type TranscriptFormat, transcriptFormat } from "../transcripts/imported.ts";
import type { EpisodeContext, StageContext, StageOutcome, StageRunner } from "./stage.ts";

/** What was fetched for an episode: media/source.json. */
export interface MediaSource {
  schema: 1;
  transcript?: { file: string; format: TranscriptFormat; url: string; language?: string };
  audio?: Media;
}

const MAX_TRANSCRIPT = 32 * 2 ** 20;

/** Fetches the richest published transcript that can be read; the audio when there is none, or when it is to be kept. */
export const mediaDownload: StageRunner = {
  name: "media_download",
  identity: async (_context, { episode }) =>
    JSON.stringify([episode.enclosure?.url ?? "", episode.transcripts.map((link) => link.url)]),
  async run(context, target): Promise<StageOutcome> {
    const flags: string[] = [];
    const source: MediaSource = { schema: 1 };
    await mkdir(target.files.mediaDir, { recursive: true });
    if (context.config["transcription.published"]) {
      const found = await fetchTranscript(context, target, flags);
      if (found) source.transcript = found;
    }
    if (source.transcript === undefined || context.config["media.keep"])
      source.audio = await fetchAudio(context, target);
    await writeJson(join(target.files.mediaDir, "source.json"), source);
    return {
      state: "done",
      outputs: ["media/source.json", ...(source.transcript ? [`media/${source.transcript.file}`] : [])],
      flags,
      ...(source.audio ? { metrics: { bytes: source.audio.bytes } } : {}),
    };
  },
};

export async function readMediaSource(target: EpisodeContext): Promise<MediaSource> {
  const source = await readJson<MediaSource>(join(target.files.mediaDir, "source.json"));
  if (source === undefined)
    throw new AppError("ARTIFACT_MISSING", "The episode's media were not fetched yet.", {
      hint: "Run from media_download on.",
    });
  return source;
}

async function fetchTranscript(
  context: StageContext,
  { episode, files }: EpisodeContext,
  flags: string[],
): Promise<MediaSource["transcript"]> {
  const ranked = episode.transcripts
    .map((link) => ({ link, format: transcriptFormat(link.type, link.url) }))
    .filter((one): one is { link: TranscriptLink; format: TranscriptFormat } => one.format !== undefined)
    .sort((a, b) => TRANSCRIPT_FORMATS.indexOf(a.format) - TRANSCRIPT_FORMATS.indexOf(b.format));
  for (const { link, format } of ranked) {
    try {
      const bytes = await withRetries(
        async () =>
          (await context.http.get(link.url, { signal: context.signal, totalMs: 120_000 })).bytes(MAX_TRANSCRIPT),
        { retries: context.config["download.retries"], signal: context.signal },
      );
      const text = new TextDecoder().decode(bytes);
      const imported = importTranscript(text, format);
      const file = `published.${imported.format}`;
      await writeFileAtomic(join(files.mediaDir, file), text);
      return { file, format: imported.format, url: link.url, ...(link.language ? { language: link.language } : {}) };
    } catch (raw) {
      const error = toAppError(raw);
      if (error.code === "ABORTED") throw error;
      flags.push(`published_transcript_unusable:${error.code}`);
      context.logger.warn({ url: link.url, code: error.code }, "a published transcript cannot be used");
    }
  }
  return undefined;
}

async function fetchAudio(context: StageContext, { episode, files }: EpisodeContext): Promise<Media> {
  if (episode.enclosure === undefined)
    throw new AppError("MEDIA_MISSING", "The feed gives neither audio nor a transcript for this episode.");
  const held = await readJson<MediaSource>(join(files.mediaDir, "source.json")).catch(() => undefined);
  if (held?.audio?.url === episode.enclosure.url) {
    const there = await stat(join(files.mediaDir, held.audio.file)).catch(() => undefined);
    if (there?.size === held.audio.bytes) return held.audio;
  }
  return downloadMedia(context.http, episode.enclosure.url, files.mediaDir, context.config, {
    signal: context.signal,
    onProgress: (received, total) => context.progress(total ? received / total : 0),
    onRetry: (error) => context.logger.warn({ error: error.message }, "the download is tried again"),
  });
}
