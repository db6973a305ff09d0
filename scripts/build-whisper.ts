/** Builds whisper.cpp for the tests, once a machine: a step of its own, for it takes minutes. */
import { join } from "node:path";
import { buildWhisper } from "../services/models/src/index.ts";
import { MODEL_CACHE } from "../tests/helpers/environment.ts";

try {
  const { server } = await buildWhisper({
    cache: join(MODEL_CACHE, "engines"),
    onLine: (line) => process.stderr.write(`${line}\n`),
  });
  process.stderr.write(`whisper.cpp: ${server}\n`);
} catch (error) {
  process.stderr.write(`whisper.cpp was not built: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
