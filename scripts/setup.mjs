// Installs what start and test need. Plain JavaScript for any Node ≥ 18; every step says what it does and why.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./pinned-node.mjs";

const isRoot = process.getuid?.() === 0;

export function say(text) {
  process.stderr.write(`${text}\n`);
}

function has(program, args = ["--version"]) {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** npm packages, by the lock file; skipped when they are as the lock file says. */
export function installPackages() {
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".installed-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  say("Installing npm packages (about 800 MB, the pinned Node 24 among them; once) …");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) {
    say("npm ci failed. Check the connection to the package registry, then run the same command again.");
    process.exit(1);
  }
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(stamp, hash);
}

/**
 * Programs of the system. As root on Debian they are installed; otherwise the command for root is shown, and only what
 * nothing works without ends the run.
 */
export function installPrograms(wanted) {
  const missing = wanted.filter((one) => !one.present());
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((one) => one.packages))];
  if (isRoot && has("apt-get")) {
    say(`Installing Debian packages: ${packages.join(" ")} (${missing.map((one) => one.why).join("; ")}) …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("apt-get", ["update", "-qq"], { stdio: ["ignore", "ignore", "inherit"], env });
    const { status } = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
      stdio: ["ignore", "ignore", "inherit"],
      env,
    });
    if (status === 0) return;
    say("apt-get failed.");
  }
  for (const one of wanted.filter((candidate) => !candidate.present())) {
    say(`${one.needed ? "Missing" : "Missing (goes on without)"}: ${one.name} — ${one.why}.`);
  }
  say(`Only root can install them: sudo apt-get install ${packages.join(" ")}`);
  if (wanted.some((one) => one.needed && !one.present())) process.exit(4);
}

export const PROGRAMS = {
  ffmpeg: {
    name: "ffmpeg",
    packages: ["ffmpeg"],
    why: "decodes audio",
    needed: true,
    present: () => has("ffmpeg", ["-version"]) && has("ffprobe", ["-version"]),
  },
  compiler: {
    name: "cmake and g++",
    packages: ["cmake", "g++", "make"],
    why: "build whisper.cpp for this processor",
    needed: false,
    present: () => has("cmake") && has("g++") && has("make"),
  },
  pip: {
    name: "pip",
    packages: ["python3-pip"],
    why: "models can be taken from Python packages",
    needed: false,
    present: () => has("python3", ["-m", "pip", "--version"]),
  },
  faiss: {
    name: "libfaiss-dev",
    packages: ["libfaiss-dev", "g++"],
    why: "the optional faiss backend is tested",
    needed: false,
    present: () => existsSync("/usr/include/faiss/Index.h"),
  },
  redis: {
    name: "redis-server",
    packages: ["redis-server"],
    why: "the queue is tested on a Redis of the tests' own",
    needed: true,
    present: () => has("redis-server"),
  },
  postgres: {
    name: "PostgreSQL",
    packages: ["postgresql"],
    why: "migrations are tested on the oldest version that is promised",
    needed: false,
    present: () => existsSync("/usr/lib/postgresql"),
  },
  chromium: {
    name: "Chromium",
    packages: ["chromium"],
    why: "the console is tested in a real browser",
    needed: true,
    present: () => has("chromium", ["--version"]),
  },
  git: {
    name: "git",
    packages: ["git"],
    why: "names the commit in run.json",
    needed: false,
    present: () => has("git"),
  },
};
