import { AppError } from "@podcast/base";
import type { Asr } from "@podcast/corpus";
import { Pcm, packWindows, SAMPLE_RATE, wavOf } from "@podcast/models";
import OpenAI from "openai";
import type { StageContext } from "../stages/stage.ts";

interface VerboseTranscription {
  language?: string;
  segments?: { start: number; end: number; text: string; avg_logprob?: number }[];
  words?: { start: number; end: number; word: string }[];
  text: string;
}

/** Transcribes through an OpenAI-compatible service, in parts under its upload limit, cut where nobody speaks. */
export async function transcribeByService(context: StageContext, wav: string, language: string): Promise<Asr> {
  const { config, signal } = context;
  const baseURL = config["transcription.baseUrl"] ?? "https://api.openai.com/v1";
  const client = new OpenAI({
    baseURL,
    apiKey: config["transcription.apiKey"] ?? config["keys.openai"] ?? "none",
    maxRetries: config["download.retries"],
  });
  const model = config["transcription.model"] === "auto" ? "whisper-1" : config["transcription.model"];
  const pcm = await Pcm.open(wav);
  try {
    const activity = await context.models.voiceActivity();
    const longest = Math.floor((config["transcription.maxUploadBytes"] - 44) / (SAMPLE_RATE * 2)) * 1000;
    const parts = packWindows(await activity.find(wav, { signal }), Math.min(longest, 600_000));
    const segments: Asr["segments"] = [];
    let spoken = language;
    for (const [position, part] of parts.entries()) {
      const from = Math.max(0, part.startMs - 200);
      const samples = await pcm.raw((from * SAMPLE_RATE) / 1000, Math.round(((part.endMs + 200) * SAMPLE_RATE) / 1000));
      const file = new File([new Uint8Array(wavOf(samples))], "audio.wav", { type: "audio/wav" });
      let answer: VerboseTranscription;
      try {
        answer = (await client.audio.transcriptions.create(
          {
            file,
            model,
            response_format: "verbose_json",
            timestamp_granularities: ["segment", "word"],
            ...(language === "auto" ? {} : { language }),
          },
          { signal },
        )) as unknown as VerboseTranscription;
      } catch (error) {
        if (signal.aborted) throw new AppError("ABORTED", "Stopped on request.", { cause: error });
        throw new AppError(
          "TRANSCRIPTION_FAILED",
          `The transcription service at ${baseURL} failed: ${(error as Error).message}`,
          { cause: error },
        );
      }
      if (spoken === "auto" && answer.language) spoken = answer.language.slice(0, 2).toLowerCase();
      const shift = (seconds: number) => Math.min(Math.round(pcm.durationMs), Math.round(from + seconds * 1000));
      const words = answer.words ?? [];
      for (const segment of answer.segments ?? [{ start: 0, end: (part.endMs - from) / 1000, text: answer.text }]) {
        const inside = words.filter((word) => word.start >= segment.start - 0.01 && word.start < segment.end);
        segments.push({
          start_ms: shift(segment.start),
          end_ms: shift(segment.end),
          text: segment.text.trim(),
          ...(inside.length > 0
            ? {
                words: inside.map((word) => ({
                  start_ms: shift(word.start),
                  end_ms: shift(word.end),
                  text: word.word.trim(),
                  p: 1,
                })),
              }
            : {}),
          ...(segment.avg_logprob === undefined ? {} : { logprob: segment.avg_logprob }),
        });
      }
      context.progress((position + 1) / parts.length);
    }
    return {
      schema: 1,
      source: { kind: "service", model, engine: new URL(baseURL).host },
      language: spoken === "auto" ? "en" : spoken,
      timed: true,
      duration_ms: Math.round(pcm.durationMs),
      segments,
      doubts: [],
    };
  } finally {
    await pcm.close();
  }
}
