import { CHAIN_STAGES, STAGE_NAMES, type StageName, type Tier } from "@podcast/pipeline/plan";
import type { QueueName } from "@podcast/platform";

/** One link of an episode's way: a job on a queue, for a range of stages; the last one has none. */
export interface Link {
  queue: QueueName;
  name: "process_episode" | "project_episode";
  start?: StageName;
  end?: StageName;
}

/** Where jobs run that are no link of an episode's way. */
export const INDEX_QUEUE: Record<Tier, QueueName> = { simple: "projection", split: "index" };

/** The way of an episode from a stage on, up to the last one asked for; with the projection where that is the end. */
export function linksFor(tier: Tier, start: StageName, last: StageName | undefined): Link[] {
  const from = STAGE_NAMES.indexOf(start);
  const to = last === undefined ? STAGE_NAMES.length - 1 : STAGE_NAMES.indexOf(last);
  const links = CHAIN_STAGES[tier].flatMap((part): Link[] => {
    const first = Math.max(from, STAGE_NAMES.indexOf(part.start));
    const final = Math.min(to, STAGE_NAMES.indexOf(part.end));
    if (first > final) return [];
    return [
      {
        queue: part.queue,
        name: "process_episode",
        start: STAGE_NAMES[first] as StageName,
        end: STAGE_NAMES[final] as StageName,
      },
    ];
  });
  return last === undefined ? [...links, { queue: "projection", name: "project_episode" }] : links;
}

/** What follows a finished job; undefined at the end. Tiers may change while an episode is on its way. */
export function nextLink(
  tier: Tier,
  job: { name: string; end_stage: string | null; payload: Record<string, unknown> },
): Link | undefined {
  if (job.name !== "process_episode") return undefined;
  const last = job.payload.last_stage as StageName | undefined;
  const next = STAGE_NAMES[STAGE_NAMES.indexOf((job.end_stage ?? "vector_indexing") as StageName) + 1];
  if (next === undefined) return last === undefined ? { queue: "projection", name: "project_episode" } : undefined;
  return linksFor(tier, next, last)[0];
}
