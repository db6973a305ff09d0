/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, partial: 3, impossible: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

interface ErrorKind {
  /** Status of the HTTP answer that carries this error. */
  status: number;
  exit: ExitCode;
  /** Worth another try without anybody changing anything. */
  retry: boolean;
}

const kind = (status: number, exit: ExitCode, retry = false): ErrorKind => ({ status, exit, retry });

/** Every error that a person or a script may meet, by its stable code. */
export const ERRORS = {
  CONFIG_INVALID: kind(400, EXIT.usage),
  USAGE: kind(400, EXIT.usage),
  FEED_UNREACHABLE: kind(502, EXIT.failed, true),
  FEED_NOT_FOUND: kind(404, EXIT.failed),
  FEED_NOT_XML: kind(422, EXIT.failed),
  FEED_INVALID: kind(422, EXIT.failed),
  FEED_DOCTYPE: kind(422, EXIT.failed),
  FEED_TOO_LARGE: kind(413, EXIT.failed),
  OPML_INVALID: kind(422, EXIT.usage),
  URL_INVALID: kind(400, EXIT.failed),
  URL_PRIVATE: kind(403, EXIT.failed),
  HTTP_STATUS: kind(502, EXIT.failed),
  HTTP_RATE_LIMITED: kind(429, EXIT.failed, true),
  HTTP_SERVER: kind(502, EXIT.failed, true),
  HTTP_DNS: kind(502, EXIT.failed, true),
  HTTP_NETWORK: kind(502, EXIT.failed, true),
  HTTP_TIMEOUT: kind(504, EXIT.failed, true),
  HTTP_TOO_LARGE: kind(413, EXIT.failed),
  HTTP_REDIRECTS: kind(502, EXIT.failed),
  MEDIA_MISSING: kind(422, EXIT.failed),
  MEDIA_NOT_FOUND: kind(404, EXIT.failed),
  MEDIA_EMPTY: kind(422, EXIT.failed),
  MEDIA_NOT_AUDIO: kind(422, EXIT.failed),
  MEDIA_UNREADABLE: kind(422, EXIT.failed),
  MEDIA_TOO_LONG: kind(422, EXIT.failed),
  TRANSCRIPT_UNREADABLE: kind(422, EXIT.failed),
  PROGRAM_MISSING: kind(503, EXIT.impossible),
  PROGRAM_FAILED: kind(500, EXIT.failed, true),
  MODEL_UNKNOWN: kind(400, EXIT.usage),
  MODEL_MISSING: kind(503, EXIT.impossible),
  MODEL_CHECKSUM: kind(502, EXIT.failed),
  MODEL_UNREADABLE: kind(500, EXIT.failed),
  TRANSCRIPTION_FAILED: kind(500, EXIT.failed, true),
  OUT_OF_MEMORY: kind(507, EXIT.failed, true),
  LLM_UNREACHABLE: kind(502, EXIT.failed, true),
  LLM_REFUSED: kind(502, EXIT.failed),
  LLM_UNPARSABLE: kind(502, EXIT.failed),
  LLM_BUDGET: kind(402, EXIT.failed),
  ARTIFACT_INVALID: kind(500, EXIT.failed),
  ARTIFACT_MISSING: kind(404, EXIT.failed),
  CORPUS_MISSING: kind(404, EXIT.failed),
  CORPUS_LOCKED: kind(409, EXIT.failed),
  INDEX_MISSING: kind(404, EXIT.failed),
  DISK_FULL: kind(507, EXIT.impossible),
  DATABASE_START: kind(503, EXIT.impossible),
  DATABASE_UNREACHABLE: kind(503, EXIT.failed, true),
  DATABASE_OUTDATED: kind(503, EXIT.failed),
  MIGRATION_FAILED: kind(500, EXIT.failed),
  QUEUE_UNREACHABLE: kind(503, EXIT.failed, true),
  JOB_TIMEOUT: kind(504, EXIT.failed, true),
  JOB_CRASHED: kind(500, EXIT.failed, true),
  JOB_LEASE_LOST: kind(409, EXIT.failed, true),
  JOB_STATE: kind(409, EXIT.failed),
  NOT_FOUND: kind(404, EXIT.failed),
  NOT_ALLOWED: kind(403, EXIT.failed),
  NOT_AUTHENTICATED: kind(401, EXIT.failed),
  REQUEST_INVALID: kind(400, EXIT.usage),
  REQUEST_TOO_LARGE: kind(413, EXIT.usage),
  REQUEST_CONFLICT: kind(409, EXIT.failed),
  RATE_LIMITED: kind(429, EXIT.failed, true),
  NOT_AVAILABLE: kind(501, EXIT.impossible),
  ABORTED: kind(499, EXIT.failed),
  INTERNAL: kind(500, EXIT.failed),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code, a sentence for a person, and where possible the next step. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** What to do about it; a command where one exists. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): ExitCode {
    return ERRORS[this.code].exit;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retry;
  }
}

/** Whatever was thrown, as an AppError; errors of the system get the code that fits. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error.name === "AbortError" || code === "ABORT_ERR")
      return new AppError("ABORTED", "Stopped on request.", { cause: error });
    if (code === "ENOSPC") {
      return new AppError("DISK_FULL", "The disk is full.", {
        hint: "Free some space, then run the same command again.",
        cause: error,
      });
    }
    return new AppError("INTERNAL", error.message, { cause: error });
  }
  return new AppError("INTERNAL", String(error));
}
