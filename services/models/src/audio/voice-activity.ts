import { ModelProcess } from "../process/model-process.ts";
import type { SpeechSpan } from "../transcription/windows.ts";
import type { VadRequest } from "./vad-process.ts";

/** Finds speech in a recording: Silero in a process of its own, or the energy of the signal without a model. */
export class VoiceActivity {
  readonly #process = new ModelProcess<VadRequest, SpeechSpan[]>(new URL("./vad-process.ts", import.meta.url));
  readonly #model: string | undefined;

  constructor(model: string | undefined) {
    this.#model = model;
  }

  get method(): "silero" | "energy" {
    return this.#model === undefined ? "energy" : "silero";
  }

  /** Stretches of speech, in order. @param wav 16 kHz mono WAV. */
  find(wav: string, options: { signal?: AbortSignal | undefined } = {}): Promise<SpeechSpan[]> {
    return this.#process.call({ wav, model: this.#model }, options);
  }

  close(): void {
    this.#process.stop();
  }
}
