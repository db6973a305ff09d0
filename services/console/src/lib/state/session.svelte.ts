import { api, ask, type ConsoleInfo } from "#lib/api/client.ts";
import { asProblem, Problem } from "#lib/api/problem.ts";
import { connection } from "./connection.svelte.ts";

/** Who uses the console, and what the box behind it can do. */
class Session {
  info = $state.raw<ConsoleInfo | undefined>(undefined);
  me = $state.raw<{ actor: string; role: string } | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);

  get admin(): boolean {
    return this.me?.role === "admin";
  }
  get editor(): boolean {
    return this.me?.role === "admin" || this.me?.role === "editor";
  }
  get platform(): boolean {
    return this.info?.platform ?? true;
  }

  async load(): Promise<void> {
    connection.epoch;
    try {
      const [info, me] = await Promise.all([ask(api.GET("/api/console")), this.#whoAmI()]);
      this.info = info;
      this.me = me;
      this.problem = undefined;
      connection.answered();
    } catch (error) {
      this.problem = asProblem(error);
      connection.failed(this.problem);
    }
  }

  async #whoAmI(): Promise<{ actor: string; role: string } | undefined> {
    const me = () =>
      ask(api.GET("/api/me")).catch((error) => {
        if (error instanceof Problem && (error.status === 401 || error.status === 403)) return undefined;
        throw error;
      });
    const found = await me();
    if (found !== undefined) return found;
    // A key that is no longer taken stands in the way where none is needed.
    await ask(api.DELETE("/api/session"));
    return me();
  }

  /** Keeps the key in a cookie that scripts cannot read. Throws the API's problem where it is not taken. */
  async signIn(key: string): Promise<void> {
    const me = await ask(api.POST("/api/session", { headers: { authorization: `Bearer ${key}` } }));
    this.me = me;
    connection.epoch++;
  }

  async signOut(): Promise<void> {
    await ask(api.DELETE("/api/session"));
    await this.load();
    connection.epoch++;
  }
}

export const session = new Session();
