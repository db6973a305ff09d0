import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Hash of every file below a folder. `normalise` may take out what is allowed to differ. */
export function hashTree(
  folder: string,
  normalise: (path: string, content: Buffer) => Buffer | string | undefined = (_path, content) => content,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = normalise(path, readFileSync(path));
    if (content !== undefined) result[relative(folder, path)] = createHash("sha256").update(content).digest("hex");
  }
  return result;
}
