export type { Api, ApiContext, EventSource, PlatformEvent } from "./context.ts";
export * from "./events.ts";
export { FileLibrary } from "./library/files.ts";
export { PostgresLibrary } from "./library/postgres.ts";
export { isLoopback } from "./plugins/auth.ts";
export { SearchService } from "./search-service.ts";
export { buildApi } from "./server.ts";
