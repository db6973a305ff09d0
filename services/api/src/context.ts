import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config, HttpClient, Logger } from "@podcast/base";
import type { Corpus } from "@podcast/corpus";
import type { Check, Database, Principal, Role } from "@podcast/platform";
import type { FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Library } from "./library/library.ts";
import type { SearchService } from "./search-service.ts";

/** What the routes of one API share. */
export interface ApiContext {
  config: Config;
  corpus: Corpus;
  library: Library;
  search: SearchService;
  http: HttpClient;
  logger: Logger;
  /** Absent where a folder of files is served: then there are no platform and no admin routes. */
  database: Database | undefined;
  checks: Record<string, Check>;
  /** Key that opens the admin routes where nothing else needs one. */
  adminKey: string | undefined;
  /** The console's build; absent where none is served. */
  consoleDir: string | undefined;
  /** Where covers are kept. */
  coverDir: string;
  events: EventSource;
}

/** Live events for the console. */
export interface EventSource {
  subscribe(listener: (event: PlatformEvent) => void): () => void;
}

export interface PlatformEvent {
  id: number;
  kind: string;
  job?: string | null;
  episode?: string | null;
  from?: string | null;
  to?: string | null;
  stage?: string | null;
  /** Share of the stage that is done, 0–1; only of `progress`, which is announced and not kept. */
  progress?: number;
  at: string;
}

export type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, ApiLogger, ZodTypeProvider>;
export type ApiLogger = Logger;

/** Registers routes; routes/ has a file for each group. */
export type RouteGroup = (api: Api, context: ApiContext) => void | Promise<void>;

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal;
    correlationId: string;
  }
  interface FastifyContextConfig {
    /** Least role; "none" for what everybody may see. Reads need a viewer, writes an editor, unless said here. */
    role?: Role | "none";
    /** Scope that a limited key must have. */
    scope?: string;
    /** Needs a key even where the API is open to this machine. */
    admin?: boolean;
    audit?: boolean;
  }
}
