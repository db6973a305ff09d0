import { createRequire } from "node:module";
import { AppError } from "@podcast/base";
import { ModelProcess } from "../process/model-process.ts";
import type { Decoded, DecodeOptions, SpeechEngine } from "./engine.ts";
import type { PrebuiltRequest } from "./prebuilt-process.ts";

/** The decoder without a compiler: @fugood/whisper.node in a process of its own. No AVX: the last resort. */
export class PrebuiltWhisper implements SpeechEngine {
  readonly name = "whisper.node prebuilt";
  readonly #process = new ModelProcess<PrebuiltRequest, Decoded>(new URL("./prebuilt-process.ts", import.meta.url));
  readonly #model: string;
  readonly #threads: number;

  private constructor(model: string, threads: number) {
    this.#model = model;
    this.#threads = threads;
  }

  static async start(model: string, threads: number): Promise<PrebuiltWhisper> {
    try {
      createRequire(import.meta.url).resolve("@fugood/whisper.node");
    } catch (error) {
      throw new AppError("PROGRAM_MISSING", "There is no Whisper decoder on this machine.", {
        hint: "apt-get install cmake g++, then run again: whisper.cpp is built by itself.",
        cause: error,
      });
    }
    return new PrebuiltWhisper(model, threads);
  }

  decode(samples: Buffer, options: DecodeOptions): Promise<Decoded> {
    const { signal, ...rest } = options;
    return this.#process.call(
      { model: this.#model, threads: this.#threads, samples: new Uint8Array(samples), options: rest },
      { signal },
    );
  }

  async close(): Promise<void> {
    this.#process.stop();
  }
}
