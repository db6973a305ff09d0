import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** .pipeline_status.json: where a run is. */
export interface PipelineStatus {
  schema: 1;
  run_id: string;
  pid: number;
  stage: string;
  started_at: string;
  stage_started_at: string;
  episode?: string;
  episode_idx?: number;
  episode_total?: number;
  /** Share of the stage that is done, 0–1. */
  progress?: number;
  exit_code?: number;
}

/** Replaces the file in one step, at once: whoever reads it sees one whole state. */
export function writeStatus(path: string, status: PipelineStatus): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(status, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}
