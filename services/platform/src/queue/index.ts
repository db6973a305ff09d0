export { QueueBackend } from "./backend.ts";
export { DEFAULT_QUEUE, type EnqueueOptions, JobClient, JobError, JobHandle, type JobStatus } from "./jobs.ts";
export * from "./names.ts";
export {
  type CronJob,
  cronPattern,
  type FunctionOptions,
  isHealthy,
  type JobContext,
  type JobFunction,
  JobWorker,
  type JobWorkerOptions,
  Retry,
  type WorkerHooks,
} from "./worker.ts";
