import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, metrics, toAppError, writeJson } from "@podcast/base";
import type { Asr, Episode } from "@podcast/corpus";
import { Pcm, type SpeechSpan, type Transcription, transcribe } from "@podcast/models";
import { transcribeByService } from "../providers/transcription-service.ts";
import { metadataNames } from "../speakers/names.ts";
import { importTranscript } from "../transcripts/formats.ts";
import { importedToAsr } from "../transcripts/to-asr.ts";
import { wavPath } from "./audio-preprocessing.ts";
import { readMediaSource } from "./media-download.ts";
import type { EpisodeContext, StageContext, StageOutcome, StageRunner } from "./stage.ts";

/** The words: from the published transcript, whisper.cpp here, or a transcription service. */
export const transcription: StageRunner = {
  name: "transcription",
  async prepare(context, target) {
    if (await needsWhisper(context, target)) await context.models.ensureWhisper(languageOf(context, target.episode));
  },
  async identity(context, target) {
    if (!(await needsWhisper(context, target))) return context.config["transcription.provider"];
    return (await context.models.whisperModel(languageOf(context, target.episode))) ?? "none";
  },
  async run(context, target): Promise<StageOutcome> {
    const source = await readMediaSource(target);
    const language = languageOf(context, target.episode);
    let asr: Asr;
    let numbers: Record<string, number> = {};
    if (source.transcript) {
      const text = await readFile(join(target.files.mediaDir, source.transcript.file), "utf8");
      const spoken = source.transcript.language?.slice(0, 2).toLowerCase() ?? (language === "auto" ? "en" : language);
      asr = importedToAsr(
        importTranscript(text, source.transcript.format),
        target.episode.declared_duration_ms,
        source.transcript.url,
        spoken,
      );
    } else if (context.config["transcription.provider"] === "openai") {
      asr = await transcribeByService(context, wavPath(target), language);
    } else [asr, numbers] = await byWhisper(context, target, language);
    await writeJson(target.files.file("asr.json"), asr);
    return { state: "done", outputs: ["asr.json"], flags: flagsOf(asr), metrics: numbers };
  },
};

async function needsWhisper(context: StageContext, target: EpisodeContext): Promise<boolean> {
  if (context.config["transcription.provider"] !== "local") return false;
  const source = await readMediaSource(target).catch(() => undefined);
  return source?.transcript === undefined;
}

/** The language asked for, else the feed's: "en-us" is "en". */
function languageOf(context: StageContext, episode: Episode): string {
  const asked = context.config.language;
  return asked !== "auto" ? asked : (/^[a-z]{2,3}/.exec(episode.language ?? "")?.[0] ?? "auto");
}

async function byWhisper(
  context: StageContext,
  target: EpisodeContext,
  language: string,
): Promise<[Asr, Record<string, number>]> {
  const wav = wavPath(target);
  if ((await stat(wav).catch(() => undefined)) === undefined)
    throw new AppError("ARTIFACT_MISSING", "The decoded audio is gone.", { hint: "Run from audio_preprocessing on." });
  const model = await context.models.ensureWhisper(language);
  const started = performance.now();
  const speech = await findSpeech(context, target, wav);
  const pcm = await Pcm.open(wav);
  try {
    const attempt = async () =>
      transcribe(await context.models.speechEngine(model), pcm, {
        speech,
        language,
        hints: hintsOf(target.episode),
        beam: context.config["transcription.beam"],
        repair: context.config["transcription.repair"],
        signal: context.signal,
        onProgress: context.progress,
      });
    let result: Transcription;
    try {
      result = await attempt();
    } catch (raw) {
      const error = toAppError(raw);
      await context.models.dropSpeechEngine();
      // A decoder that died may be started once more; memory that was too small stays too small.
      if (error.code !== "TRANSCRIPTION_FAILED" || context.signal.aborted) throw error;
      context.logger.warn({ error: error.message }, "the decoder is started again");
      result = await attempt();
    }
    const seconds = (performance.now() - started) / 1000;
    metrics.audioSeconds.inc(pcm.durationMs / 1000);
    metrics.realtimeFactor.set(pcm.durationMs / 1000 / seconds);
    const engine = (await context.models.speechEngine(model)).name;
    const asr: Asr = {
      schema: 1,
      source: { kind: "whisper", model, engine },
      language: result.language === "auto" ? "en" : result.language,
      timed: true,
      duration_ms: Math.round(pcm.durationMs),
      segments: result.segments.map((segment) => ({
        start_ms: Math.round(segment.startMs),
        end_ms: Math.round(segment.endMs),
        text: segment.text,
        words: segment.words.map((word) => ({
          start_ms: Math.round(word.startMs),
          end_ms: Math.round(word.endMs),
          text: word.text,
          p: Math.round(word.p * 1000) / 1000,
        })),
        logprob: Math.round(segment.logprob * 1000) / 1000,
      })),
      doubts: result.doubts.map((doubt) => ({
        start_ms: Math.round(doubt.startMs),
        end_ms: Math.round(doubt.endMs),
        kind: doubt.kind,
      })),
    };
    return [asr, { speech_seconds: round(result.speechSeconds), repaired_seconds: round(result.repairedSeconds) }];
  } finally {
    await pcm.close();
  }
}

async function findSpeech(context: StageContext, target: EpisodeContext, wav: string): Promise<SpeechSpan[]> {
  const turns = await target.read.turns();
  if (turns !== undefined) {
    const voices = turns.voices.map((voice) => voice.id);
    return turns.speech.map((span) => ({
      startMs: span.start_ms,
      endMs: span.end_ms,
      voice: voices.indexOf(span.voice),
    }));
  }
  const activity = await context.models.voiceActivity();
  return activity.find(wav, { signal: context.signal });
}

/** Show and people, as a sentence: the decoder takes their spelling from it. */
function hintsOf(episode: Episode): string {
  const names = metadataNames(episode).slice(0, 8);
  return names.length === 0 ? `${episode.feed_title}.` : `${episode.feed_title}, with ${names.join(", ")}.`;
}

function flagsOf(asr: Asr): string[] {
  const flags: string[] = [];
  if (asr.segments.length === 0) flags.push("no_speech");
  if (!asr.timed) flags.push("times_estimated");
  for (const kind of new Set(asr.doubts.map((doubt) => doubt.kind))) flags.push(`transcript_${kind}`);
  return flags;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
