import { existsSync, mkdtempSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..", "..");
const shared = resolve(ROOT, "..", "shared");

/** Test data of the project's workplace; absent on other machines, where what needs it is skipped by name. */
export const FIXTURES = process.env.FIXTURES_DIR ?? join(shared, "fixtures");
export const hasFixtures = existsSync(join(FIXTURES, "peer"));
/** A mirror of small real models. */
export const MODELS = process.env.TEST_MODEL_MIRROR ?? join(shared, "models");
export const hasModels = existsSync(join(MODELS, "manifest.json"));
const userCache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
/** Models and engines that tests share, also between checkouts, so that whisper.cpp is built once a machine. */
export const MODEL_CACHE = process.env.TEST_MODEL_CACHE ?? join(userCache, "podcast-appliance", "test-models");

/** Says why a test does not run here. */
export function skipping(what: string, why: string): void {
  process.stderr.write(`skipped: ${what} — ${why}\n`);
}

export function tempFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `podcast-${name}-`));
}
