import { asProblem } from "#lib/api/problem.ts";
import { connection } from "./connection.svelte.ts";

const SHOWN_MS = 6000;

/** A short word about what was just done, or why it was not; read out by screen readers. */
class Notice {
  text = $state("");
  bad = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string, bad = false): void {
    this.text = text;
    this.bad = bad;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.text = "";
    }, SHOWN_MS);
  }

  /** Does something a person asked for; says what came of it. Returns whether it was done. */
  async around(work: () => Promise<unknown>, done: string): Promise<boolean> {
    try {
      await work();
      if (done) this.say(done);
      connection.answered();
      return true;
    } catch (error) {
      const problem = asProblem(error);
      connection.failed(problem);
      this.say([problem.message, problem.hint].filter(Boolean).join(" "), true);
      return false;
    }
  }
}

export const notice = new Notice();
