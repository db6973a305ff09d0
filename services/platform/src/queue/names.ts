/** Queues of the platform, by tier (contracts.md), with what a worker runs at once where nobody says otherwise. */
export const QUEUES = ["ingest", "heavy", "transcribe", "enrich", "index", "projection", "digest"] as const;
export type QueueName = (typeof QUEUES)[number];

export const DEFAULT_CONCURRENCY: Record<QueueName, number> = {
  ingest: 4,
  heavy: 1,
  transcribe: 1,
  enrich: 2,
  index: 2,
  projection: 2,
  digest: 1,
};

const MINUTE = 60_000;

/** Longest run of a job, milliseconds; transcription gets more with the length of its audio. */
export function timeoutOf(queue: string, audioMs = 0): number {
  const transcribe = 30 * MINUTE + 4 * audioMs;
  const limits: Record<QueueName, number> = {
    ingest: 15 * MINUTE,
    heavy: 2 * transcribe,
    transcribe,
    enrich: 30 * MINUTE,
    index: 10 * MINUTE,
    projection: 5 * MINUTE,
    digest: 15 * MINUTE,
  };
  return limits[queue as QueueName] ?? 15 * MINUTE;
}
