import { createRequire } from "node:module";
import { serve } from "../process/serve.ts";
import type { Decoded, DecodedSegment, DecodeOptions } from "./engine.ts";
import { languageCode } from "./languages.ts";

export interface PrebuiltRequest {
  model: string;
  threads: number;
  samples: Uint8Array;
  options: Omit<DecodeOptions, "signal">;
}

interface Context {
  transcribeData(
    data: ArrayBuffer,
    options: object,
  ): { promise: Promise<{ result: string; language?: string; segments: { text: string; t0: number; t1: number }[] }> };
}

let loaded: { model: string; context: Context } | undefined;

serve<PrebuiltRequest, Decoded>(async ({ model, threads, samples, options }) => {
  if (loaded?.model !== model) {
    const { initWhisper } = createRequire(import.meta.url)("@fugood/whisper.node") as {
      initWhisper(options: object): Promise<Context>;
    };
    loaded = { model, context: await initWhisper({ filePath: model, useGpu: false }) };
  }
  const data = samples.slice().buffer;
  // One word a segment: the only way this binding gives word times. It gives no probabilities; 0.9 stands for "decoded".
  const { promise } = loaded.context.transcribeData(data, {
    language: options.language,
    maxThreads: threads,
    beamSize: options.beam,
    temperature: options.temperature ?? 0,
    maxLen: 1,
    tokenTimestamps: true,
    ...(options.prompt === undefined ? { maxContext: 0 } : { prompt: options.prompt }),
  });
  const { segments, language } = await promise;
  return {
    segments: join(segments),
    language: languageCode(language ?? (options.language === "auto" ? "en" : options.language)),
  };
});

function join(pieces: readonly { text: string; t0: number; t1: number }[]): DecodedSegment[] {
  const segments: DecodedSegment[] = [];
  for (const { text, t0, t1 } of pieces) {
    if (text.trim() === "") continue;
    const last = segments.at(-1);
    const word = { startMs: t0, endMs: t1, text: text.trim(), p: 0.9 };
    if (last !== undefined && !/[.!?]$/.test(last.text)) {
      const tail = last.words.at(-1);
      if (!/^\s/.test(text) && tail) Object.assign(tail, { text: tail.text + word.text, endMs: t1 });
      else last.words.push(word);
      last.text = last.words.map((one) => one.text).join(" ");
      last.endMs = t1;
    } else segments.push({ startMs: t0, endMs: t1, text: word.text, words: [word], logprob: -0.2, noSpeech: 0 });
  }
  return segments;
}
