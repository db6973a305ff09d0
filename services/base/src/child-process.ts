import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { AppError } from "./errors.ts";

export interface RunOptions extends SpawnOptions {
  signal?: AbortSignal | undefined;
  /** Longest run; the child is killed after it. ms */
  timeoutMs?: number;
  /** Bytes written to the child's standard input. */
  input?: string | Uint8Array;
  /** Most bytes of output that are kept. */
  maxOutput?: number;
}

export interface RunResult {
  stdout: Buffer;
  stderr: string;
}

const children = new Set<ChildProcess>();
let hooked = false;

/** Starts a child that dies with this process, whatever ends it but SIGKILL. */
export function spawnChild(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  if (!hooked) {
    hooked = true;
    process.once("exit", () => {
      for (const child of children) child.kill("SIGKILL");
    });
  }
  const child = spawn(program, args, options);
  children.add(child);
  child.once("close", () => children.delete(child));
  child.once("error", () => children.delete(child));
  return child;
}

/**
 * Runs a program to its end. Throws PROGRAM_MISSING when it is not installed, PROGRAM_FAILED with the end of its
 * stderr otherwise, OUT_OF_MEMORY when the system killed it, ABORTED on the signal.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { signal, timeoutMs, input, maxOutput = 64 * 2 ** 20, ...spawnOptions } = options;
  signal?.throwIfAborted();
  const child = spawnChild(program, args, { stdio: ["pipe", "pipe", "pipe"], ...spawnOptions });
  const kill = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  let timedOut = false;
  const expire = () => {
    timedOut = true;
    kill();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  const blocks: Buffer[] = [];
  let size = 0;
  child.stdout?.on("data", (block: Buffer) => {
    size += block.length;
    if (size <= maxOutput) blocks.push(block);
    else kill();
  });
  let stderr = "";
  child.stderr?.on("data", (block: Buffer) => {
    stderr = (stderr + block.toString("utf8")).slice(-16_384);
  });
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  try {
    const [code, killedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (signal?.aborted) throw new AppError("ABORTED", "Stopped on request.");
    if (timedOut) throw new AppError("PROGRAM_FAILED", `${program} did not finish within ${timeoutMs} ms.`);
    if (killedBy === "SIGKILL" && size <= maxOutput)
      throw new AppError("OUT_OF_MEMORY", `${program} was killed by the system, most likely for memory.`);
    if (code !== 0)
      throw new AppError("PROGRAM_FAILED", `${program} failed (${code ?? killedBy}): ${lastLines(stderr)}`);
    return { stdout: Buffer.concat(blocks), stderr };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new AppError("PROGRAM_MISSING", `${program} is not installed.`, {
        hint: "`podcast doctor` says how to install it.",
        cause: error,
      });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" | ").slice(-500) || "no message";
}
