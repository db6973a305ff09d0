import type { Database } from "@podcast/platform";
import type pg from "pg";
import type { EventSource, PlatformEvent } from "./context.ts";

/** Hears what the database announces and tells all listeners; connects again when the connection is lost. */
export class DatabaseEvents implements EventSource {
  readonly #database: Database;
  readonly #listeners = new Set<(event: PlatformEvent) => void>();
  #client: pg.PoolClient | undefined;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  async start(): Promise<void> {
    try {
      const client = await this.#database.pool.connect();
      if (this.#closed) return client.release();
      this.#client = client;
      client.on("notification", ({ payload }) => {
        if (payload === undefined) return;
        const event = JSON.parse(payload) as PlatformEvent;
        for (const listener of this.#listeners) listener(event);
      });
      const again = () => {
        if (this.#client === client) this.#client = undefined;
        this.#later();
      };
      client.on("error", again);
      client.on("end", again);
      await client.query("LISTEN podcast_events");
    } catch {
      this.#later();
    }
  }

  #later(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.start(), 1000);
  }

  subscribe(listener: (event: PlatformEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.release(true);
  }
}

/** Where nothing happens by itself: a folder of files. */
export const SILENT_EVENTS: EventSource = { subscribe: () => () => {} };
