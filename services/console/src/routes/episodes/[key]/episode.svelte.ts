import { api, ask, type Bookmark, type Episode, type Note } from "#lib/api/client.ts";
import { Problem } from "#lib/api/problem.ts";
import { Resource } from "#lib/state/resource.svelte.ts";
import { session } from "#lib/state/session.svelte.ts";
import { turnsOf } from "#lib/text/turns.ts";

export interface GraphNode {
  id: string;
  type: string;
  label: string;
  role: string | undefined;
}

/** What an episode that is not done yet lacks is no error. */
async function ifThere<T>(asking: Promise<T>): Promise<T | undefined> {
  return asking.catch((error) => {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  });
}

/** Everything that is known of one episode. */
export class EpisodePage {
  readonly #key: () => string;
  readonly episode: Resource<Episode>;
  readonly content = new Resource(() => this.#content());
  readonly overlays = new Resource(() => this.#overlays());
  readonly stages = new Resource(() =>
    ask(api.GET("/api/episodes/{key}/stages", { params: { path: { key: this.#key() } } })),
  );

  constructor(key: () => string) {
    this.#key = key;
    this.episode = new Resource(() => ask(api.GET("/api/episodes/{key}", { params: { path: { key: key() } } })));
  }

  async #content() {
    const key = this.#key();
    const params = { path: { key } };
    const [transcript, summary, insights, graph] = await Promise.all([
      ifThere(ask(api.GET("/api/episodes/{key}/transcript", { params: { ...params, query: { words: "false" } } }))),
      ifThere(ask(api.GET("/api/episodes/{key}/summary", { params }))),
      ask(api.GET("/api/insights", { params: { query: { episode: key, limit: 200 } } })),
      ifThere(ask(api.GET("/api/episodes/{key}/graph", { params }))),
    ]);
    const text = typeof transcript === "object" ? transcript : undefined;
    return {
      transcript: text,
      turns: text ? turnsOf(text) : [],
      summary,
      insights: insights.items,
      nodes: (graph?.nodes ?? []).flatMap((node): GraphNode[] => {
        const { label, name, role } = (node.properties ?? {}) as Record<string, string | undefined>;
        const text = label ?? name;
        return text === undefined ? [] : [{ id: String(node.id), type: String(node.type), label: text, role }];
      }),
    };
  }

  async #overlays(): Promise<{ bookmarks: Bookmark[]; notes: Note[] }> {
    if (!session.platform) return { bookmarks: [], notes: [] };
    const params = { query: { episode: this.#key() } };
    const [bookmarks, notes] = await Promise.all([
      ask(api.GET("/api/bookmarks", { params })),
      ask(api.GET("/api/notes", { params })),
    ]);
    return { bookmarks: bookmarks.items, notes: notes.items };
  }
}
