import { stat } from "node:fs/promises";
import { type Config, sha256, sha256File, writeJson } from "@podcast/base";
import type { EpisodeLayout, Manifest, StageRecord } from "@podcast/corpus";
import type { StageDescription } from "../plan/index.ts";

/** The manifest of one episode: what ran, with what, and whether that still holds. */
export class EpisodeLedger {
  readonly #files: EpisodeLayout;
  readonly #manifest: Manifest;
  #modified = 0;

  constructor(files: EpisodeLayout, manifest: Manifest | undefined, episodeKey: string) {
    this.#files = files;
    this.#manifest = manifest ?? { schema: 1, episode_key: episodeKey, fingerprint: "", stages: {} };
  }

  record(stage: string): StageRecord | undefined {
    return this.#manifest.stages[stage];
  }

  /** True when the stage ran with this fingerprint and each file that it wrote is there, unchanged. */
  async holds(stage: StageDescription, fingerprint: string): Promise<boolean> {
    const record = this.record(stage.name);
    if (record === undefined || record.state === "failed" || record.fingerprint !== fingerprint) return false;
    for (const [name, hash] of Object.entries(record.outputs)) if (!(await this.#intact(name, hash))) return false;
    return true;
  }

  /** A file older than the manifest is as it was when the manifest noted it; a newer one is hashed. */
  async #intact(name: string, hash: string): Promise<boolean> {
    const path = this.#files.file(name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return false;
    if (this.#modified === 0) this.#modified = (await stat(this.#files.manifest).catch(() => undefined))?.mtimeMs ?? -1;
    return found.mtimeMs <= this.#modified || (await sha256File(path)) === hash;
  }

  /** Notes a stage and writes the manifest at once. */
  async note(stage: string, record: Omit<StageRecord, "outputs">, outputs: readonly string[]): Promise<void> {
    const hashes: Record<string, string> = {};
    for (const name of outputs) hashes[name] = await sha256File(this.#files.file(name));
    this.#manifest.stages[stage] = { ...record, outputs: hashes };
    const done = Object.entries(this.#manifest.stages).filter(([, one]) => one.state !== "failed");
    this.#manifest.fingerprint = sha256(
      done
        .map(([name, one]) => `${name} ${one.fingerprint}`)
        .sort()
        .join("\n"),
    ).slice(0, 32);
    await writeJson(this.#files.manifest, this.#manifest);
    this.#modified = 0;
  }
}

/** Hash of everything that a stage's result depends on. */
export function fingerprintOf(
  stage: StageDescription,
  config: Config,
  identity: string,
  upstream: (name: string) => string,
): string {
  const parts = [
    `${stage.name} ${stage.methodVersion}`,
    ...stage.config.map((key) => `${key}=${JSON.stringify(config[key] ?? null)}`),
    `identity=${identity}`,
    ...stage.reads.map((name) => `${name}=${upstream(name)}`),
  ];
  return sha256(parts.join("\n")).slice(0, 32);
}
