import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** Version of this program. */
export const VERSION = manifest.version;

let sha: string | undefined;

/** Commit that runs: from `GIT_SHA` (images) or the checkout, else "unknown". */
export function gitSha(): string {
  sha ??= process.env.GIT_SHA ?? fromCheckout();
  return sha;
}

function fromCheckout(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "ignore"],
    })
      .toString()
      .trim();
  } catch {
    return "unknown";
  }
}
