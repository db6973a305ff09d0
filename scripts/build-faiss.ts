/**
 * Builds the native part of faiss-node against Debian's libfaiss-dev: its own install step wants a download. Needs g++ and
 * libfaiss-dev; the default vector store needs neither.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AppError, runProgram } from "../services/base/src/index.ts";

const require = createRequire(join(import.meta.dirname, "..", "services", "corpus", "package.json"));

try {
  const home = dirname(require.resolve("faiss-node/package.json"));
  const target = join(home, "build", "Release", "faiss-node.node");
  if (existsSync(target)) process.exit(0);
  if (!existsSync("/usr/include/faiss/Index.h"))
    throw new AppError("PROGRAM_MISSING", "libfaiss-dev is not installed.", {
      hint: "apt-get install libfaiss-dev g++",
    });
  await mkdir(dirname(target), { recursive: true });
  const shim = join(home, "build", "shim.h");
  await writeFile(shim, "#include <faiss/Index.h>\nnamespace faiss { using idx_t = Index::idx_t; }\n");
  // The wrapper's own version: a newer one does not compile its source.
  const wrapper = dirname(createRequire(join(home, "package.json")).resolve("node-addon-api/package.json"));
  const headers = join(dirname(require.resolve("node-api-headers/package.json")), "include");
  await runProgram(
    "g++",
    [
      ...["-O3", "-std=c++17", "-fPIC", "-shared", "-fopenmp", "-fexceptions", "-DNAPI_VERSION=8"],
      ...["-include", shim, "-I", wrapper, "-I", headers],
      ...[join(home, "src", "faiss.cc"), "-o", target, "-lfaiss", "-lblas", "-llapack"],
    ],
    { timeoutMs: 300_000 },
  );
  process.stderr.write(`built ${target}\n`);
} catch (error) {
  const { message, hint } = error as AppError;
  process.stderr.write(`the faiss backend was not built: ${message}${hint ? ` (${hint})` : ""}\n`);
  process.exitCode = 1;
}
