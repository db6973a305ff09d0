import { lookup } from "node:dns/promises";
import { access, constants, mkdir, statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { type Config, corpusDir, modelDir, runProgram } from "@podcast/base";
import { faissAvailable } from "@podcast/corpus";
import { builtWhisper, CATALOGUE, installedModel } from "@podcast/models";

export interface CheckResult {
  name: string;
  status: "ok" | "warning" | "failed";
  detail: string;
  /** Command that repairs it. */
  repair?: string;
}

type Check = (config: Config) => Promise<CheckResult>;

/** A program of the system: found, and how to install it where it is not. */
const program =
  (name: string, args: string[], needed: boolean, why: string, packageName = name): Check =>
  async () => {
    try {
      const { stdout, stderr } = await runProgram(name, args, { timeoutMs: 10_000 });
      return {
        name,
        status: "ok",
        detail: `${stdout.toString("utf8")}${stderr}`.trim().split("\n")[0]?.slice(0, 80) ?? "",
      };
    } catch {
      return {
        name,
        status: needed ? "failed" : "warning",
        detail: `not installed: ${why}`,
        repair: `apt-get install ${packageName}`,
      };
    }
  };

const models: Check = async (config) => {
  const cache = modelDir(config);
  const here = (
    await Promise.all(CATALOGUE.map(async (entry) => ((await installedModel(entry, cache)) ? entry : undefined)))
  ).filter((entry) => entry !== undefined);
  const missing = ["transcription", "diarization", "speaker-embedding", "embedding"].filter(
    (capability) => !here.some((entry) => entry.capability === capability),
  );
  if (missing.length === 0) return { name: "models", status: "ok", detail: here.map((entry) => entry.id).join(", ") };
  return {
    name: "models",
    status: "warning",
    detail: `none yet for ${missing.join(", ")}`,
    repair: "podcast models pull",
  };
};

const engine: Check = async (config) => {
  const built = await builtWhisper(join(modelDir(config), "engines"));
  return built
    ? { name: "whisper.cpp", status: "ok", detail: "built for this processor" }
    : {
        name: "whisper.cpp",
        status: "warning",
        detail: "not built yet: the first transcription builds it (one to three minutes)",
      };
};

const disk: Check = async (config) => {
  const folder = corpusDir(config);
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = (bavail * bsize) / 2 ** 30;
  const detail = `${free.toFixed(1)} GiB free at ${folder}`;
  return free < 1
    ? { name: "disk", status: "failed", detail, repair: "free some space, or choose another DATA_DIR" }
    : { name: "disk", status: free < 5 ? "warning" : "ok", detail };
};

const writable: Check = async (config) => {
  const folder = corpusDir(config);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return { name: "data folder", status: "ok", detail: folder };
  } catch {
    return {
      name: "data folder",
      status: "failed",
      detail: `${folder} cannot be written`,
      repair: `chown -R "$USER" ${folder}`,
    };
  }
};

const network: Check = async () => {
  try {
    await Promise.race([lookup("huggingface.co"), new Promise((_, reject) => setTimeout(reject, 4000).unref())]);
    return { name: "network", status: "ok", detail: "names resolve" };
  } catch {
    return {
      name: "network",
      status: "warning",
      detail: "the usual host of models cannot be found",
      repair: "MODEL_MIRROR=<folder or URL> podcast models pull",
    };
  }
};

const gpu: Check = async () => {
  try {
    const { stdout } = await runProgram("nvidia-smi", ["--query-gpu=name,memory.total", "--format=csv,noheader"], {
      timeoutMs: 10_000,
    });
    return { name: "GPU", status: "ok", detail: stdout.toString("utf8").trim() };
  } catch {
    return { name: "GPU", status: "ok", detail: "none found: models run on the processor" };
  }
};

const machine: Check = async () => {
  const memory = totalmem() / 2 ** 30;
  return {
    name: "machine",
    status: memory < 2 ? "warning" : "ok",
    detail: `${availableParallelism()} cores, ${memory.toFixed(0)} GiB memory, Node ${process.versions.node}`,
  };
};

const faiss: Check = async (config) => {
  if (config["index.backend"] !== "faiss") return { name: "vector store", status: "ok", detail: "usearch" };
  return faissAvailable()
    ? { name: "vector store", status: "ok", detail: "faiss" }
    : {
        name: "vector store",
        status: "failed",
        detail: "faiss is chosen and not built",
        repair: "npm run build:faiss",
      };
};

/** All checks, in the order in which they are shown. */
export const CHECKS: readonly Check[] = [
  machine,
  program("ffmpeg", ["-version"], true, "audio cannot be decoded"),
  program("ffprobe", ["-version"], true, "audio cannot be examined", "ffmpeg"),
  program("cmake", ["--version"], false, "whisper.cpp cannot be built; a much slower one is used"),
  program("g++", ["--version"], false, "whisper.cpp cannot be built; a much slower one is used"),
  program("python3", ["-m", "pip", "--version"], false, "models cannot be taken from Python packages", "python3-pip"),
  engine,
  models,
  faiss,
  writable,
  disk,
  network,
  gpu,
];
