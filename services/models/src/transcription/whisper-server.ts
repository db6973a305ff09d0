import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, spawnChild } from "@podcast/base";
import { Agent, FormData, fetch } from "undici";
import { type Decoded, type DecodedSegment, type DecodeOptions, type SpeechEngine, wavOf } from "./engine.ts";
import { languageCode } from "./languages.ts";

export interface WhisperServerOptions {
  /** Path of whisper.cpp's `whisper-server`. */
  binary: string;
  /** ggml model file. */
  model: string;
  threads: number;
  name: string;
  signal?: AbortSignal | undefined;
}

interface VerboseJson {
  error?: string;
  language?: string;
  segments?: {
    start?: number;
    end?: number;
    text?: string;
    avg_logprob?: number;
    no_speech_prob?: number;
    words?: { word: string; start?: number; end?: number; probability: number }[];
  }[];
}

const START_MS = 120_000;
/** A slow machine may think for many minutes about one block: only the caller's signal ends a request. */
const patient = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

/**
 * whisper.cpp's server as a child: the model stays loaded, a request is aborted by closing its connection, and
 * everything dies with us. It listens on a loopback port below a path that nobody else can guess.
 */
export class WhisperServer implements SpeechEngine {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #url: string;
  #stderr = "";
  #ended: string | undefined;

  private constructor(child: ChildProcess, url: string, name: string) {
    this.#child = child;
    this.#url = url;
    this.name = name;
    child.stderr?.on("data", (block: Buffer) => {
      this.#stderr = (this.#stderr + block.toString("utf8")).slice(-4000);
    });
    child.once("close", (code, signal) => {
      this.#ended = signal ?? String(code);
    });
  }

  /** Starts the server and waits until its model is loaded. Throws MODEL_UNREADABLE, OUT_OF_MEMORY. */
  static async start(options: WhisperServerOptions): Promise<WhisperServer> {
    options.signal?.throwIfAborted();
    const port = await freePort();
    const path = `/${randomBytes(12).toString("hex")}`;
    const args = [
      "-m",
      options.model,
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--request-path",
      path,
      "-t",
      String(options.threads),
      "-nlp",
    ];
    const child = spawnChild(options.binary, args, { stdio: ["ignore", "ignore", "pipe"] });
    const server = new WhisperServer(child, `http://127.0.0.1:${port}${path}`, options.name);
    const failed = once(child, "error").then(([error]) => {
      throw new AppError("PROGRAM_MISSING", `${options.binary} cannot be started.`, { cause: error });
    });
    failed.catch(() => {});
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline && server.#ended === undefined) {
      if (options.signal?.aborted) {
        await server.close();
        throw new AppError("ABORTED", "Stopped on request.");
      }
      const answered = await Promise.race([
        fetch(`${server.#url}/`, { signal: AbortSignal.timeout(2000) }).then((response) => response.ok),
        failed,
      ]).catch((error) => {
        if (error instanceof AppError) throw error;
        return false;
      });
      if (answered) return server;
      await sleep(50);
    }
    await server.close();
    throw server.#failure("MODEL_UNREADABLE", `The Whisper model ${options.model} could not be loaded`);
  }

  async decode(samples: Buffer, options: DecodeOptions): Promise<Decoded> {
    if (this.#ended !== undefined) throw this.#failure("TRANSCRIPTION_FAILED", "The Whisper process has ended");
    const form = new FormData();
    form.set("file", new Blob([new Uint8Array(wavOf(samples))]), "audio.wav");
    const fields: Record<string, string | number | boolean> = {
      response_format: "verbose_json",
      token_timestamps: true,
      max_len: 100_000,
      language: options.language,
      beam_size: options.beam,
      best_of: 3,
      temperature: options.temperature ?? 0,
      temperature_inc: 0.3,
      // Without a prompt no text at all stands before the audio: what was misheard once is not carried on.
      max_context: options.prompt === undefined ? 0 : 224,
    };
    if (options.prompt !== undefined) fields.prompt = options.prompt;
    for (const [key, value] of Object.entries(fields)) form.set(key, String(value));
    let body: VerboseJson;
    try {
      const response = await fetch(`${this.#url}/inference`, {
        method: "POST",
        body: form,
        dispatcher: patient,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      body = (await response.json()) as VerboseJson;
    } catch (error) {
      if (options.signal?.aborted) throw new AppError("ABORTED", "Stopped on request.", { cause: error });
      await sleep(50);
      throw this.#failure("TRANSCRIPTION_FAILED", "The Whisper process broke off", error);
    }
    if (body.error !== undefined) throw new AppError("TRANSCRIPTION_FAILED", `whisper.cpp: ${body.error}`);
    return { segments: (body.segments ?? []).map(readSegment), language: languageCode(body.language ?? "en") };
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const closed = once(this.#child, "close").catch(() => {});
    this.#child.kill("SIGKILL");
    await closed;
  }

  #failure(code: "MODEL_UNREADABLE" | "TRANSCRIPTION_FAILED", message: string, cause?: unknown): AppError {
    const last = this.#stderr.trim().split("\n").at(-1) ?? "";
    if (this.#ended === "SIGKILL" || /failed to allocate|out of memory|bad_alloc/i.test(this.#stderr)) {
      return new AppError("OUT_OF_MEMORY", `${message}: out of memory.`, {
        hint: "Choose a smaller model: --model transcription=whisper/tiny.en-q5_1",
        cause,
      });
    }
    return new AppError(code, `${message}: ${last.slice(0, 300)}`, { cause });
  }
}

function readSegment(raw: NonNullable<VerboseJson["segments"]>[number]): DecodedSegment {
  const words: DecodedSegment["words"] = [];
  for (const { word, start = 0, end = 0, probability } of raw.words ?? []) {
    const last = words.at(-1);
    // Tokens are pieces of words; a word begins with a space, or is a sign of a script without spaces.
    const begins = /^\s/.test(word) || last === undefined || /^[\p{Lo}]/u.test(word);
    if (begins) words.push({ startMs: start * 1000, endMs: end * 1000, text: word.trim(), p: probability });
    else {
      last.text += word;
      last.endMs = Math.max(last.endMs, end * 1000);
      if (/[\p{L}\p{N}]/u.test(word)) last.p = Math.min(last.p, probability);
    }
  }
  return {
    startMs: (raw.start ?? 0) * 1000,
    endMs: (raw.end ?? 0) * 1000,
    text: (raw.text ?? "").trim(),
    words: words.filter((word) => word.text !== ""),
    logprob: raw.avg_logprob ?? 0,
    noSpeech: raw.no_speech_prob ?? 0,
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
