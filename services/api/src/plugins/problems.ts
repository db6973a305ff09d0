import { AppError, ERRORS, toAppError } from "@podcast/base";
import type { FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from "fastify-type-provider-zod";
import type { Api } from "../context.ts";

const TITLES: Record<number, string> = {
  400: "Bad request",
  401: "Not authenticated",
  403: "Not allowed",
  404: "Not found",
  409: "Conflict",
  413: "Too large",
  415: "Unsupported media type",
  422: "Cannot be processed",
  429: "Too many requests",
  500: "Internal error",
  501: "Not available here",
  503: "Not available now",
};

/** Every error that leaves the API goes through here: a code, no stack, nothing of the inside. */
export function installProblems(api: Api): void {
  api.setErrorHandler((raw: unknown, request, reply) => {
    if (hasZodFastifySchemaValidationErrors(raw)) {
      return send(request, reply, 400, "REQUEST_INVALID", "The request is not as it should be.", {
        errors: raw.validation.slice(0, 20).map((issue) => ({
          path: `${raw.validationContext ?? ""}${issue.instancePath}`,
          message: issue.message ?? "is not valid",
        })),
      });
    }
    if (isResponseSerializationError(raw)) {
      request.log.error(
        { err: raw.cause ?? raw, route: request.routeOptions.url },
        "an answer does not fit its schema",
      );
      return send(request, reply, 500, "INTERNAL", "Something went wrong here; the log has it.");
    }
    const status = (raw as { statusCode?: number }).statusCode;
    if (!(raw instanceof AppError) && typeof status === "number" && status >= 400 && status < 500) {
      const code =
        status === 413
          ? "REQUEST_TOO_LARGE"
          : status === 429
            ? "RATE_LIMITED"
            : status === 404
              ? "NOT_FOUND"
              : "REQUEST_INVALID";
      return send(request, reply, status, code, clean((raw as Error).message));
    }
    const invalid = databaseProblem(raw);
    if (invalid) return send(request, reply, invalid.status, invalid.code, invalid.detail);
    const error = toAppError(raw);
    const known = ERRORS[error.code].status;
    if (error.code === "INTERNAL" || known >= 500) request.log.error({ err: raw }, "request failed");
    if (error.code === "INTERNAL")
      return send(request, reply, 500, "INTERNAL", "Something went wrong here; the log has it.");
    return send(request, reply, known, error.code, error.message, error.hint ? { hint: error.hint } : {});
  });
  api.setNotFoundHandler((request, reply) => send(request, reply, 404, "NOT_FOUND", "There is nothing here."));
}

/** What Postgres refuses because of the request, and what it cannot do now. */
function databaseProblem(raw: unknown): { status: number; code: string; detail: string } | undefined {
  const code = (raw as { code?: unknown } | null)?.code;
  if (typeof code !== "string") return undefined;
  if (/^22|^23514/.test(code)) return { status: 400, code: "REQUEST_INVALID", detail: "A value cannot be stored." };
  if (code === "23503") return { status: 404, code: "NOT_FOUND", detail: "What the request refers to does not exist." };
  if (code === "23505") return { status: 409, code: "REQUEST_CONFLICT", detail: "It exists already." };
  if (code === "42501") return { status: 403, code: "NOT_ALLOWED", detail: "Not allowed." };
  if (/^(?:08|57P|53)/.test(code) || ["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EPIPE"].includes(code))
    return { status: 503, code: "DATABASE_UNREACHABLE", detail: "The database does not answer. Try again soon." };
  return undefined;
}

function clean(message: string): string {
  return message.replace(/(?:\/[\w.-]+){2,}/g, "…").slice(0, 300);
}

/** An error as every route answers it: RFC 9457 with our stable code. */
export function send(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  code: string,
  detail: string,
  more: { hint?: string; errors?: { path: string; message: string }[] } = {},
): FastifyReply {
  return reply
    .code(status)
    .type("application/problem+json")
    .serializer((body: unknown) => JSON.stringify(body))
    .send({
      type: "about:blank",
      title: TITLES[status] ?? "Error",
      status,
      code,
      detail,
      ...more,
      correlation_id: request.correlationId ?? String(request.id),
    });
}
