import { asProblem, type Problem } from "#lib/api/problem.ts";
import { connection } from "./connection.svelte.ts";

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** A list that is read page by page as it is scrolled. */
export class Pages<T> {
  items = $state.raw<T[]>([]);
  problem = $state.raw<Problem | undefined>(undefined);
  loading = $state(false);
  ended = $state(false);
  /** True once the first page has been read. */
  ready = $state(false);
  readonly #read: (cursor: string | undefined) => Promise<Page<T>>;
  #cursor: string | undefined;
  #run = 0;

  constructor(read: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#read = read;
  }

  /** Starts over. In an effect, what `read` depends on starts over when it changes. */
  async restart(): Promise<void> {
    connection.epoch;
    this.#cursor = undefined;
    const run = ++this.#run;
    await this.#next(run, true);
  }

  async more(): Promise<void> {
    if (this.loading || this.ended || !this.ready) return;
    await this.#next(this.#run, false);
  }

  /** Reads the first page again and puts it before what is shown: for events, without losing the place. */
  async refresh(keyOf: (item: T) => string): Promise<void> {
    if (!this.ready || this.loading) return;
    const run = this.#run;
    const page = await this.#read(undefined).catch(() => undefined);
    if (page === undefined || run !== this.#run) return;
    const fresh = new Set(page.items.map(keyOf));
    this.items = [...page.items, ...this.items.filter((item) => !fresh.has(keyOf(item)))];
    if (!this.#cursor && !this.ended) this.#cursor = page.next_cursor ?? undefined;
  }

  async #next(run: number, first: boolean): Promise<void> {
    this.loading = true;
    try {
      const page = await this.#read(this.#cursor);
      if (run !== this.#run) return;
      this.items = first ? page.items : [...this.items, ...page.items];
      this.#cursor = page.next_cursor ?? undefined;
      this.ended = page.next_cursor === null;
      this.problem = undefined;
      this.ready = true;
      connection.answered();
    } catch (error) {
      if (run !== this.#run) return;
      this.problem = asProblem(error);
      connection.failed(this.problem);
    } finally {
      if (run === this.#run) this.loading = false;
    }
  }
}
