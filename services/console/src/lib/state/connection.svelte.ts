import { Problem } from "#lib/api/problem.ts";

const FIRST_MS = 1000;
const MOST_MS = 15_000;

/** Whether the box answers. While it does not, one small request asks again, ever more slowly; then all pages reload. */
class Connection {
  lost = $state(false);
  /** Grows when the box came back: effects that read it ask again. */
  epoch = $state(0);
  /** Grows when a key was refused: it may have ended, or been revoked elsewhere. */
  refused = $state(0);
  #timer: ReturnType<typeof setTimeout> | undefined;

  answered(): void {
    if (!this.lost) return;
    this.lost = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.epoch++;
  }

  failed(problem: Problem): void {
    if (problem.status === 401) this.refused++;
    if (!problem.away || this.lost) return;
    this.lost = true;
    this.#later(FIRST_MS);
  }

  /** For signs that may mean it: asks once, and believes the answer. */
  async check(): Promise<void> {
    if (this.lost) return;
    try {
      await fetch("/livez", { cache: "no-store" });
    } catch (cause) {
      this.failed(Problem.unreachable(cause));
    }
  }

  #later(ms: number): void {
    this.#timer = setTimeout(async () => {
      const response = await fetch("/api/health").catch(() => undefined);
      if (response?.ok) this.answered();
      else this.#later(Math.min(MOST_MS, ms * 1.6));
    }, ms);
  }
}

export const connection = new Connection();
