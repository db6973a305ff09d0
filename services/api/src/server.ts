import { randomUUID } from "node:crypto";
import etag from "@fastify/etag";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import { AppError, metrics, VERSION } from "@podcast/base";
import reference from "@scalar/fastify-api-reference";
import Fastify, { LogController } from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import { installConsole } from "./console.ts";
import type { Api, ApiContext, RouteGroup } from "./context.ts";
import { installAuth } from "./plugins/auth.ts";
import { installIdempotency } from "./plugins/idempotency.ts";
import { installProblems, send } from "./plugins/problems.ts";
import { LIBRARY_ROUTES, PLATFORM_ROUTES } from "./routes/index.ts";

const MAX_BODY = 5 * 2 ** 20;

/** Puts the API together; `listen` is the caller's. Throws CONFIG_INVALID for a configuration that would be unsafe. */
export async function buildApi(context: ApiContext): Promise<Api> {
  const { config, database } = context;
  const api = Fastify({
    loggerInstance: context.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY,
    // Slow clients: a request has to be there in time, a connection may not idle for ever.
    requestTimeout: config["server.requestTimeoutS"] * 1000,
    http: {
      // Node enforces the longer of the two: its default for headers, a minute, would outlast ours.
      headersTimeout: config["server.requestTimeoutS"] * 1000,
      requestTimeout: config["server.requestTimeoutS"] * 1000,
      // How often it looks; its own 30 s would double the wait.
      connectionsCheckingInterval: 500 * Math.min(10, config["server.requestTimeoutS"]),
    },
    keepAliveTimeout: 30_000,
    connectionTimeout: 0,
    trustProxy: config["server.trustProxy"],
    // What the router refuses before any handler: a broken escape, a parameter that is too long.
    frameworkErrors: (error, request, reply) => {
      void send(
        request as never,
        reply as never,
        400,
        "REQUEST_INVALID",
        error.message.slice(0, 200).replace(/'[^']*'/, "The address"),
      );
    },
    routerOptions: { maxParamLength: 600, ignoreTrailingSlash: true },
    genReqId: (request) => {
      const given = request.headers["x-request-id"];
      return typeof given === "string" && /^[\w.-]{8,80}$/.test(given) ? given : randomUUID();
    },
  }).withTypeProvider<ZodTypeProvider>() as unknown as Api;
  api.setValidatorCompiler(validatorCompiler);
  api.setSerializerCompiler(serializerCompiler);
  installProblems(api);
  api.decorateRequest("correlationId", "");
  api.addHook("onRequest", async (request, reply) => {
    request.correlationId = String(request.id);
    reply.header("x-request-id", request.correlationId);
  });
  await api.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        // Style attributes are set by components; scripts never are.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        mediaSrc: ["'self'", "blob:"],
        connectSrc: ["'self'"],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        upgradeInsecureRequests: null,
      },
    },
    hsts: false,
    crossOriginEmbedderPolicy: false,
  });
  if (config["server.rateLimit"] > 0)
    await api.register(rateLimit, {
      max: config["server.rateLimit"],
      timeWindow: "1 minute",
      // The page and its many small files are one visit.
      allowList: (request) => !request.url.startsWith("/api/"),
      errorResponseBuilder: (_request, limit) =>
        Object.assign(new AppError("RATE_LIMITED", `Too many requests: ${limit.max} a minute are allowed.`), {
          statusCode: 429,
        }),
    });
  await api.register(etag);
  await api.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Podcast Appliance", version: VERSION, license: { name: "MIT" } },
      components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
      security: [{ key: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await installAuth(api, context);
  installIdempotency(api, context);
  installRecords(api, context);
  api.get("/openapi.json", { config: { role: "none" }, schema: { hide: true } }, async () => api.swagger());
  await api.register(reference, {
    routePrefix: "/docs",
    configuration: {
      url: "/openapi.json",
      withDefaultFonts: false,
      // Nothing of the maker's services: this box sends nothing anywhere.
      telemetry: false,
      hideClientButton: true,
      showDeveloperTools: "never",
      agent: { disabled: true },
    },
    hooks: {
      onRequest: (_request, reply, done) => {
        // The page of the documentation brings its own inline script; nothing of a feed is ever on it.
        reply.header(
          "content-security-policy",
          "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:",
        );
        done();
      },
    },
  });
  const groups: readonly RouteGroup[] = database ? [...LIBRARY_ROUTES, ...PLATFORM_ROUTES] : LIBRARY_ROUTES;
  for (const group of groups) await group(api, context);
  await installConsole(api, context);
  if (database === undefined)
    api.all("/api/admin/*", { config: { role: "none" }, schema: { hide: true } }, (request, reply) =>
      send(request, reply, 501, "NOT_AVAILABLE", "This serves a folder of files.", {
        hint: "Start with --platform or --embedded for jobs and administration.",
      }),
    );
  return api;
}

/** Metrics of each request, and the audit of each write. */
function installRecords(api: Api, { database, logger }: ApiContext): void {
  api.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unknown";
    metrics.requestSeconds.observe({ path: route }, reply.elapsedTime / 1000);
    metrics.requests.inc({ path: route, status: String(reply.statusCode) });
    const write = !["GET", "HEAD", "OPTIONS"].includes(request.method);
    if (write || reply.statusCode >= 500)
      request.log.info(
        { correlation_id: request.correlationId, method: request.method, route, status: reply.statusCode },
        "request",
      );
    if (!write || database === undefined || request.principal === undefined) return;
    await database.db
      .insertInto("audit")
      .values({
        actor: request.principal.actor,
        tenant_id: /^[0-9a-f-]{36}$/.test(request.principal.tenantId) ? request.principal.tenantId : null,
        method: request.method,
        route,
        target:
          Object.values((request.params ?? {}) as Record<string, string>)
            .join(" ")
            .slice(0, 400) || null,
        status: reply.statusCode,
        correlation_id: request.correlationId,
      })
      .execute()
      .catch((error) => logger.warn({ err: error }, "the audit of a write was not kept"));
  });
}
