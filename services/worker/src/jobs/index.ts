import { generateDigest } from "./generate-digest.ts";
import type { JobKind } from "./job.ts";
import { pollFeed } from "./poll-feed.ts";
import { processEpisode } from "./process-episode.ts";
import { projectEpisode } from "./project-episode.ts";
import { updateIndexJob } from "./update-index.ts";

const KINDS = [pollFeed, processEpisode, projectEpisode, updateIndexJob, generateDigest];

/** Every kind of job by its name. */
export const JOB_KINDS: ReadonlyMap<string, JobKind> = new Map(KINDS.map((kind) => [kind.name, kind]));
if (JOB_KINDS.size !== KINDS.length) throw new Error("Two kinds of jobs have one name.");
