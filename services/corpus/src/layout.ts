import { join } from "node:path";

/** Where everything of a corpus lies; see contracts.md, "Artifacts on disk". */
export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get corpusFile(): string {
    return join(this.root, "corpus.json");
  }
  get feedsDir(): string {
    return join(this.root, "feeds");
  }
  get indexDir(): string {
    return join(this.root, "index");
  }
  get digestsDir(): string {
    return join(this.root, "digests");
  }
  get runsDir(): string {
    return join(this.root, "runs");
  }
  get debugDir(): string {
    return join(this.root, "debug");
  }
  get statusFile(): string {
    return join(this.root, ".pipeline_status.json");
  }
  get monitorLog(): string {
    return join(this.root, ".monitor.log");
  }
  get lockFile(): string {
    return join(this.root, ".lock");
  }
  feedDir(feed: string): string {
    return join(this.feedsDir, feed);
  }
  feedFile(feed: string): string {
    return join(this.feedDir(feed), "feed.json");
  }
  episodesDir(feed: string): string {
    return join(this.feedDir(feed), "episodes");
  }
  episodeDir(feed: string, episode: string): string {
    return join(this.episodesDir(feed), episode);
  }
  episode(feed: string, episode: string): EpisodeLayout {
    return new EpisodeLayout(this.episodeDir(feed, episode));
  }
  runDir(run: string): string {
    return join(this.runsDir, run);
  }
}

/** Files of one episode. */
export class EpisodeLayout {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  get metadata(): string {
    return join(this.dir, "episode.json");
  }
  get manifest(): string {
    return join(this.dir, "manifest.json");
  }
  get mediaDir(): string {
    return join(this.dir, "media");
  }
  file(name: string): string {
    return join(this.dir, name);
  }
}
