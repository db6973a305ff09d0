import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { AppError, type ErrorCode, spawnChild } from "@podcast/base";

/** What goes down to a model's process, and what comes back. */
export interface ProcessRequest {
  id: number;
  body: unknown;
}
export type ProcessReply =
  | { id: number; kind: "progress"; value: number }
  | { id: number; kind: "result"; value: unknown }
  | { id: number; kind: "error"; code: ErrorCode; message: string; hint?: string | undefined };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  onProgress: ((share: number) => void) | undefined;
}

/**
 * A model in a process of its own: it can be stopped at any moment, its memory goes back when it ends, and a crash of
 * native code is an error of one request instead of the end of everything.
 */
export class ModelProcess<Request, Result> {
  readonly #entry: URL;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #next = 1;

  /** @param entry Module that calls `serve`. */
  constructor(entry: URL) {
    this.#entry = entry;
  }

  /** Sends one request. An aborted signal kills the process: native code cannot be interrupted otherwise. */
  async call(
    body: Request,
    options: { signal?: AbortSignal | undefined; onProgress?: ((share: number) => void) | undefined } = {},
  ): Promise<Result> {
    options.signal?.throwIfAborted();
    const child = this.#start();
    const id = this.#next++;
    child.ref();
    child.channel?.ref();
    const abort = () => this.stop();
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise<Result>((resolve, reject) => {
        this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, onProgress: options.onProgress });
        child.send({ id, body } satisfies ProcessRequest, (error) => {
          if (error) reject(error);
        });
      });
    } catch (error) {
      if (options.signal?.aborted) throw new AppError("ABORTED", "Stopped on request.");
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", abort);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) {
        child.unref();
        child.channel?.unref();
      }
    }
  }

  /** Ends the process; requests in progress fail. */
  stop(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  #start(): ChildProcess {
    if (this.#child) return this.#child;
    const child = spawnChild(process.execPath, ["--disable-warning=ExperimentalWarning", this.#entry.pathname], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
    } as object);
    let stderr = "";
    child.stderr?.on("data", (block: Buffer) => {
      stderr = (stderr + block.toString("utf8")).slice(-4000);
    });
    child.on("message", (message: ProcessReply) => this.#receive(message));
    child.once("exit", (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      const lost = signal === "SIGKILL" ? "OUT_OF_MEMORY" : "PROGRAM_FAILED";
      const why = stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
      for (const waiting of this.#waiting.values())
        waiting.reject(new AppError(lost, `A model's process ended (${signal ?? code}). ${why}`));
      this.#waiting.clear();
    });
    // An idle child must not keep this process alive.
    child.unref();
    child.channel?.unref();
    (child.stderr as Socket | null)?.unref();
    this.#child = child;
    return child;
  }

  #receive(message: ProcessReply): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === "progress") waiting.onProgress?.(message.value);
    else if (message.kind === "result") waiting.resolve(message.value);
    else
      waiting.reject(
        new AppError(message.code, message.message, message.hint === undefined ? {} : { hint: message.hint }),
      );
  }
}
