import { ModelProcess } from "../process/model-process.ts";
import type { Diarization } from "./diarize.ts";
import type { DiarizationRequest } from "./process.ts";

/** Diarization in a process of its own, started for the first file and kept for the next. */
export class Diarizer {
  readonly #process = new ModelProcess<DiarizationRequest, Diarization>(new URL("./process.ts", import.meta.url));

  run(
    request: DiarizationRequest,
    options: { signal?: AbortSignal | undefined; onProgress?: (share: number) => void } = {},
  ): Promise<Diarization> {
    return this.#process.call(request, options);
  }

  close(): void {
    this.#process.stop();
  }
}
