/**
 * Shapes of routes that contracts.md names and that come with later parts (deployment, backups, the on-call agent).
 * Their pages ask for them and say honestly where they are not there yet.
 */
export interface DeployState {
  version: string;
  git_sha: string;
  since: string | null;
  /** Of an upgrade or rollback that runs, or of the last one. */
  status: { operation: string; step: number; of: number; message: string; started: string; state: string } | null;
  history: { version: string; at: string; operation: string; state: string }[];
}

export interface BackupList {
  items: { id: string; created_at: string; bytes: number; kind: string; verified: boolean }[];
}

export interface AgentState {
  enabled: boolean;
  mode: "shadow" | "restart" | "config" | "full";
}

export interface Incident {
  id: string;
  title: string;
  alert: string;
  severity: string;
  state: string;
  opened_at: string;
  closed_at: string | null;
  steps: { at: string; kind: "evidence" | "decision" | "action" | "outcome"; text: string }[];
}

export interface Proposal {
  id: string;
  incident: string;
  action: string;
  reason: string;
  expires_at: string;
  state: string;
}
