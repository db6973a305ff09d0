import { asProblem, type Problem } from "#lib/api/problem.ts";
import { connection } from "./connection.svelte.ts";

/** One answer of the API: what it was last, whether it is asked for now, and what went wrong. */
export class Resource<T> {
  value = $state.raw<T | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  loading = $state(false);
  readonly #read: () => Promise<T>;
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Asks. Runs in an effect too: what `read` depends on asks again when it changes, and so does a box that came back. */
  async load(): Promise<void> {
    connection.epoch;
    const mine = ++this.#asked;
    this.loading = true;
    try {
      const value = await this.#read();
      if (mine !== this.#asked) return;
      this.value = value;
      this.problem = undefined;
      connection.answered();
    } catch (error) {
      if (mine !== this.#asked) return;
      this.problem = asProblem(error);
      connection.failed(this.problem);
    } finally {
      if (mine === this.#asked) this.loading = false;
    }
  }

  /** Asks soon, once for many calls: for events that come in bursts. */
  refresh(afterMs = 250): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.load();
    }, afterMs);
  }
}
