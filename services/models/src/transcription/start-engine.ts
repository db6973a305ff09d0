import { type Logger, toAppError } from "@podcast/base";
import { buildWhisper, builtWhisper, WHISPER_VERSION } from "./build-whisper.ts";
import type { SpeechEngine } from "./engine.ts";
import { PrebuiltWhisper } from "./prebuilt.ts";
import { WhisperServer } from "./whisper-server.ts";

export interface StartOptions {
  /** ggml model file. */
  model: string;
  threads: number;
  /** Folder of built engines. */
  cache: string;
  logger: Logger;
  signal?: AbortSignal | undefined;
  onBuild?: ((line: string) => void) | undefined;
}

/** The fastest decoder that this machine can have: built here, else the prebuilt one, which says that it is slow. */
export async function startSpeechEngine(options: StartOptions): Promise<SpeechEngine> {
  const { model, threads, cache, logger, signal, onBuild } = options;
  let why: string;
  try {
    const binaries = (await builtWhisper(cache)) ?? (await buildWhisper({ cache, signal, onLine: onBuild }));
    return await WhisperServer.start({
      binary: binaries.server,
      model,
      threads,
      name: `whisper.cpp ${WHISPER_VERSION} native`,
      signal,
    });
  } catch (raw) {
    const error = toAppError(raw);
    if (error.code !== "PROGRAM_MISSING" && error.code !== "PROGRAM_FAILED") throw error;
    why = error.message;
  }
  logger.warn(
    { why },
    "whisper.cpp could not be built here: using the prebuilt one, which is many times slower (install cmake and g++)",
  );
  return PrebuiltWhisper.start(model, threads);
}
