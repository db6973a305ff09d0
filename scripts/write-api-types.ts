/**
 * Writes the console's types from the API's OpenAPI document. `--check` compares instead and fails where they differ.
 * The routes are registered as they are; no database is asked.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type ApiContext, buildApi, SILENT_EVENTS } from "@podcast/api";
import { resolveConfig, silentLogger } from "@podcast/base";

const root = join(import.meta.dirname, "..");
const target = join(root, "services", "console", "src", "lib", "api", "openapi.d.ts");

export async function apiTypes(): Promise<string> {
  const { values } = resolveConfig({ env: {}, flags: {} });
  const api = await buildApi({
    config: values,
    logger: silentLogger(),
    database: {},
    checks: {},
    consoleDir: undefined,
    events: SILENT_EVENTS,
  } as unknown as ApiContext);
  await api.ready();
  const document = api.swagger();
  await api.close();
  // The generator wants the console's TypeScript: that of the root has no compiler API.
  const generator = createRequire(join(root, "services", "console", "package.json"))("openapi-typescript") as {
    default: (source: unknown, options: object) => Promise<unknown>;
    astToString: (ast: unknown) => string;
  };
  const ast = await generator.default(document, { alphabetize: true });
  return `// Written by \`npm run api-types\` from the API's OpenAPI document: do not edit.\n${generator.astToString(ast)}`;
}

if (import.meta.main) {
  const types = await apiTypes();
  if (process.argv.includes("--check")) {
    if ((await readFile(target, "utf8").catch(() => "")) !== types) {
      console.error("The console's types are not those of the API: npm run api-types");
      process.exit(1);
    }
  } else await writeFile(target, types);
}
