import { readdirSync, readFileSync } from "node:fs";

/** What one process uses: resident memory in bytes, processor time since its start in seconds. */
export interface ProcessUse {
  pid: number;
  parent: number;
  rssBytes: number;
  cpuSeconds: number;
}

const PAGE = 4096;
/** Clock ticks a second: 100 on every Linux that Node runs on. */
const TICKS = 100;

/** All processes of the machine, from /proc. */
export function readProcesses(): ProcessUse[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? readProcess(Number(name)) : []));
}

function readProcess(pid: number): ProcessUse[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; fields are counted from its end (proc(5)).
    const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [
      {
        pid,
        parent: Number(field[1]),
        rssBytes: Number(field[21]) * PAGE,
        cpuSeconds: (Number(field[11]) + Number(field[12])) / TICKS,
      },
    ];
  } catch {
    // It ended between the listing and the reading.
    return [];
  }
}

/** A process and everything below it, but for `except`. */
export function treeOf(root: number, processes: readonly ProcessUse[], except: number): ProcessUse[] {
  const found = new Set([root]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of processes) {
      if (found.has(parent) && !found.has(pid) && pid !== except) {
        found.add(pid);
        grown = true;
      }
    }
  }
  return processes.filter(({ pid }) => found.has(pid));
}

export interface Sample {
  rssBytes: number;
  /** 100 is one core busy. */
  cpuPercent: number;
  processes: number;
}

/** Samples a process tree; remembers each process between samples, without which every CPU figure would be zero. */
export class TreeSampler {
  readonly #root: number;
  readonly #except: number;
  #before = new Map<number, number>();
  #at = 0;

  constructor(root: number, except: number) {
    this.#root = root;
    this.#except = except;
  }

  /** The tree now, or undefined when its root is gone. */
  sample(now = performance.now()): Sample | undefined {
    const tree = treeOf(this.#root, readProcesses(), this.#except);
    if (tree.length === 0) return undefined;
    let used = 0;
    for (const { pid, cpuSeconds } of tree)
      used += Math.max(0, cpuSeconds - (this.#before.get(pid) ?? (this.#at === 0 ? cpuSeconds : 0)));
    const elapsed = (now - this.#at) / 1000;
    const cpuPercent = this.#at === 0 || elapsed <= 0 ? 0 : (used / elapsed) * 100;
    this.#before = new Map(tree.map(({ pid, cpuSeconds }) => [pid, cpuSeconds]));
    this.#at = now;
    return { rssBytes: tree.reduce((sum, one) => sum + one.rssBytes, 0), cpuPercent, processes: tree.length };
  }
}
