import { AppError, type Logger } from "@podcast/base";
import {
  type Corpus,
  currentGeneration,
  type Embed,
  Searcher,
  type SearchHit,
  type SearchOptions,
} from "@podcast/corpus";

/** Searches the current generation of the index; a new one is picked up when it appears, without a pause. */
export class SearchService {
  readonly #corpus: Corpus;
  readonly #embed: (() => Promise<Embed | undefined>) | undefined;
  readonly #logger: Logger;
  #open: { folder: string; searcher: Promise<Searcher> } | undefined;
  #checked = 0;

  constructor(corpus: Corpus, logger: Logger, embed?: () => Promise<Embed | undefined>) {
    this.#corpus = corpus;
    this.#embed = embed;
    this.#logger = logger;
  }

  /** Throws INDEX_MISSING before the first episode is indexed. */
  async searcher(): Promise<Searcher> {
    if (this.#open && Date.now() - this.#checked < 500) return this.#open.searcher;
    this.#checked = Date.now();
    const folder = await currentGeneration(this.#corpus.layout);
    if (folder === undefined)
      throw new AppError("INDEX_MISSING", "Nothing is indexed yet.", {
        hint: "It is made when the first episode is done.",
      });
    if (this.#open?.folder === folder) return this.#open.searcher;
    const old = this.#open;
    const searcher = Searcher.open(this.#corpus.layout, await this.#embed?.());
    this.#open = { folder, searcher };
    searcher.catch(() => {
      this.#open = undefined;
    });
    // Searches that began on the old generation end on it.
    if (old) setTimeout(() => void old.searcher.then((one) => one.close()).catch(() => {}), 10_000).unref();
    this.#logger.debug({ folder }, "search index opened");
    return searcher;
  }

  async search(query: string, options: SearchOptions): Promise<{ hits: SearchHit[]; semantic: boolean }> {
    const searcher = await this.searcher();
    return { hits: await searcher.search(query, options), semantic: searcher.semantic };
  }

  async close(): Promise<void> {
    await this.#open?.searcher.then((one) => one.close()).catch(() => {});
  }
}
