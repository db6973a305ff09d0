/** An error as the API answers it (RFC 9457 with our stable code), or the lack of any answer. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly correlationId: string | undefined;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { hint?: string | undefined; correlationId?: string | undefined; cause?: unknown } = {},
  ) {
    super(detail, { cause: more.cause });
    this.status = status;
    this.code = code;
    this.hint = more.hint;
    this.correlationId = more.correlationId;
  }

  static of(status: number, body: unknown): Problem {
    const { code, detail, title, hint, correlation_id, errors } = (body ?? {}) as Record<string, unknown>;
    const where = Array.isArray(errors) ? (errors as { path: string; message: string }[]) : [];
    const details = where.map((error) => `${error.path}: ${error.message}`).join("; ");
    // A proxy before the API answers in its own words.
    const unanswered = typeof code !== "string" && status >= 502;
    return new Problem(
      status,
      typeof code === "string" ? code : unanswered ? "UNREACHABLE" : "UNKNOWN",
      [String(detail ?? title ?? `HTTP ${status}`), details].filter(Boolean).join(" "),
      {
        hint: typeof hint === "string" ? hint : undefined,
        correlationId: typeof correlation_id === "string" ? correlation_id : undefined,
      },
    );
  }

  static unreachable(cause: unknown): Problem {
    return new Problem(0, "UNREACHABLE", "The box does not answer.", { cause });
  }

  /** Whether trying again later is all that can be done. */
  get away(): boolean {
    return this.code === "UNREACHABLE" || this.code === "DATABASE_UNREACHABLE";
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "CONSOLE", error instanceof Error ? error.message : String(error), { cause: error });
}
