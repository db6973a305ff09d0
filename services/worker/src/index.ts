export * from "./health-server.ts";
export { JOB_KINDS } from "./jobs/index.ts";
export type { JobKind, WorkContext, WorkResult } from "./jobs/job.ts";
export * from "./reproject.ts";
export * from "./worker.ts";
