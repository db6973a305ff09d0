import { setTimeout as sleep } from "node:timers/promises";
import { toAppError } from "./errors.ts";
import { HttpError } from "./http.ts";

export interface RetryOptions {
  /** Tries after the first. */
  retries: number;
  signal?: AbortSignal | undefined;
  /** Wait before the second try; doubles after, with jitter. ms */
  firstDelayMs?: number;
  maxDelayMs?: number;
  onRetry?: (error: Error, attempt: number, delayMs: number) => void;
}

/** Runs `work` again after errors that may pass; a server's Retry-After is honoured up to `maxDelayMs`. */
export async function withRetries<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { firstDelayMs = 500, maxDelayMs = 60_000 } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt);
    } catch (raw) {
      const error = toAppError(raw);
      const wished = error instanceof HttpError ? error.retryAfterMs : undefined;
      if (!error.retryable || attempt >= options.retries || options.signal?.aborted) throw error;
      if (wished !== undefined && wished > maxDelayMs) throw error;
      const delay = wished ?? Math.min(maxDelayMs, firstDelayMs * 2 ** attempt) * (0.75 + Math.random() / 2);
      options.onRetry?.(error, attempt + 1, delay);
      await sleep(delay, undefined, { signal: options.signal });
    }
  }
}
