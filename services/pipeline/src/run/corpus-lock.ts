import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, removeQuietly } from "@podcast/base";

/** One run at a time writes to a corpus. A lock whose process is gone is taken over. */
export async function lockCorpus(path: string): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = await open(path, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => removeQuietly(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const owner = Number(await readFile(path, "utf8").catch(() => ""));
      if (attempt < 3 && (!owner || !isAlive(owner))) {
        await removeQuietly(path);
        continue;
      }
      throw new AppError("CORPUS_LOCKED", `Another run (process ${owner}) works on this corpus.`, {
        hint: "Wait for it, or use another folder: --corpus DIR.",
        cause: error,
      });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
