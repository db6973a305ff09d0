import { connection } from "./connection.svelte.ts";

/** An event of the box, as `/api/events` sends it. */
export interface LiveEvent {
  id: number;
  kind: string;
  job?: string | null;
  episode?: string | null;
  from?: string | null;
  to?: string | null;
  stage?: string | null;
  progress?: number;
  at: string;
}

const KINDS = ["job", "episode", "stage", "progress"];
const FIRST_MS = 1000;
const MOST_MS = 15_000;

/**
 * Server-sent events, connected only while a page that somebody looks at listens. EventSource goes on by itself after
 * a broken connection, and gives up after an error answer: then this asks again.
 */
class Live {
  state = $state<"off" | "connecting" | "open" | "lost">("off");
  readonly #listeners = new Set<(event: LiveEvent) => void>();
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wait = FIRST_MS;
  #opened = false;

  constructor() {
    if (typeof document !== "undefined") document.addEventListener("visibilitychange", () => this.#settle());
  }

  /** Listens until the returned function is called. */
  listen(listener: (event: LiveEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#settle();
    return () => {
      this.#listeners.delete(listener);
      // The next page may listen at once.
      setTimeout(() => this.#settle(), 1000);
    };
  }

  #settle(): void {
    const wanted = this.#listeners.size > 0 && document.visibilityState === "visible";
    if (wanted && this.#source === undefined && this.#timer === undefined) this.#connect();
    else if (!wanted) this.#close("off");
  }

  #close(state: "off" | "lost"): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#source?.close();
    this.#source = undefined;
    this.state = state;
  }

  #connect(): void {
    this.state = "connecting";
    const source = new EventSource("/api/events");
    this.#source = source;
    source.onopen = () => {
      this.#wait = FIRST_MS;
      this.state = "open";
      // What happened in between was missed by pages that look at sums.
      if (this.#opened) connection.epoch++;
      this.#opened = true;
    };
    source.onerror = () => {
      this.state = "lost";
      void connection.check();
      if (source.readyState !== EventSource.CLOSED) return;
      this.#close("lost");
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#settle();
      }, this.#wait);
      this.#wait = Math.min(MOST_MS, this.#wait * 1.6);
    };
    for (const kind of KINDS)
      source.addEventListener(kind, (message) => {
        const event = JSON.parse(message.data) as LiveEvent;
        for (const listener of this.#listeners) listener(event);
      });
  }
}

export const live = new Live();
