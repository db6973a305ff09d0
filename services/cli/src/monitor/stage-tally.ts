import type { Sample } from "./process-tree.ts";

interface Tally {
  samples: number;
  cpu: number;
  peakRss: number;
  firstMs: number;
  seconds: number;
}

/** What each stage took, from the samples. */
export class StageTally {
  readonly #stages = new Map<string, Tally>();
  #lastMs: number | undefined;

  add(stage: string, sample: Sample, nowMs = performance.now()): void {
    const tally = this.#stages.get(stage) ?? { samples: 0, cpu: 0, peakRss: 0, firstMs: nowMs, seconds: 0 };
    tally.samples++;
    tally.cpu += sample.cpuPercent;
    tally.peakRss = Math.max(tally.peakRss, sample.rssBytes);
    if (this.#lastMs !== undefined) tally.seconds += (nowMs - this.#lastMs) / 1000;
    this.#lastMs = nowMs;
    this.#stages.set(stage, tally);
  }

  summary(exitCode: number | undefined): string {
    const rows = [...this.#stages].map(
      ([stage, one]) =>
        `  ${stage.padEnd(22)} ${one.seconds.toFixed(1).padStart(8)} s  CPU ${(one.cpu / one.samples).toFixed(0).padStart(4)} %  peak RSS ${(one.peakRss / 2 ** 20).toFixed(0).padStart(6)} MiB`,
    );
    return [`Monitor summary (exit code ${exitCode ?? "unknown: the run ended without saying"})`, ...rows].join("\n");
  }
}
