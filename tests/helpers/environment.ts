import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..", "..");
const shared = resolve(ROOT, "..", "shared");

/** Test data of the project's workplace; absent on other machines, where what needs it is skipped by name. */
export const FIXTURES = process.env.FIXTURES_DIR ?? join(shared, "fixtures");
export const hasFixtures = existsSync(join(FIXTURES, "peer"));
/** A mirror of small real models. */
export const MODELS = process.env.TEST_MODEL_MIRROR ?? join(shared, "models");
export const hasModels = existsSync(join(MODELS, "manifest.json"));
/** Models and engines that tests share, so that whisper.cpp is built once. */
export const MODEL_CACHE = process.env.TEST_MODEL_CACHE ?? join(ROOT, ".cache", "models");

/** Says why a test does not run here. */
export function skipping(what: string, why: string): void {
  process.stderr.write(`skipped: ${what} — ${why}\n`);
}

export function tempFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `podcast-${name}-`));
}
