import { placeOf, rememberPlace } from "./places.ts";

/** What is being heard. One audio element for the whole console: it plays on while pages change. */
export interface Track {
  episode: string;
  title: string;
  feedTitle: string;
  cover: string | null;
}

/** A stretch to hear; several make a selection that is played one after the other. */
export interface Clip extends Track {
  startMs: number;
  endMs: number;
}

const REMEMBER_MS = 5000;
export const RATES = [0.8, 1, 1.2, 1.5, 1.8, 2] as const;

class Player {
  track = $state.raw<Track | undefined>(undefined);
  playing = $state(false);
  waiting = $state(false);
  /** Milliseconds. */
  position = $state(0);
  duration = $state(0);
  rate = $state(1);
  error = $state("");
  /** What is left of a selection, the clip that is on first. */
  clips = $state.raw<readonly Clip[]>([]);
  #audio: HTMLAudioElement | undefined;
  #target: number | undefined;
  #remembered = 0;

  /** Gives the player its element; returns what undoes it. */
  attach(audio: HTMLAudioElement): () => void {
    this.#audio = audio;
    const on = (name: string, run: () => void) => audio.addEventListener(name, run);
    on("timeupdate", () => {
      if (this.#target !== undefined) return;
      this.position = audio.currentTime * 1000;
      const clip = this.clips[0];
      if (clip && this.position >= clip.endMs) this.skip();
      if (this.clips.length === 0) this.#remember(false);
    });
    on("durationchange", () => {
      if (Number.isFinite(audio.duration)) this.duration = audio.duration * 1000;
    });
    on("loadedmetadata", () => {
      if (this.#target !== undefined) audio.currentTime = this.#target / 1000;
      this.#target = undefined;
      audio.playbackRate = this.rate;
    });
    on("play", () => {
      this.playing = true;
    });
    on("pause", () => {
      this.playing = false;
      if (this.clips.length === 0) this.#remember(true);
    });
    on("waiting", () => {
      this.waiting = true;
    });
    on("playing", () => {
      this.waiting = false;
    });
    on("ended", () => {
      if (this.clips.length > 0) this.skip();
    });
    on("error", () => {
      if (this.track === undefined) return;
      this.playing = this.waiting = false;
      this.error = "The audio cannot be played: its host may be away.";
    });
    return () => {
      audio.pause();
      this.#audio = undefined;
    };
  }

  /** Plays a selection from its first clip. */
  playClips(clips: readonly Clip[]): void {
    this.clips = clips;
    const first = clips[0];
    if (first) this.#start(first, first.startMs);
  }

  /** Goes on with the next clip; after the last one it is quiet. */
  skip(): void {
    const left = this.clips.slice(1);
    if (left.length > 0) this.playClips(left);
    else {
      this.clips = [];
      this.#audio?.pause();
    }
  }

  /** Plays an episode from a moment; the one that is on goes there. */
  play(track: Track, ms?: number): void {
    this.clips = [];
    this.#start(track, ms);
  }

  #start(track: Track, ms?: number): void {
    const audio = this.#audio;
    if (audio === undefined) return;
    if (this.track?.episode !== track.episode) {
      this.track = track;
      this.error = "";
      this.duration = 0;
      this.position = ms ?? placeOf(track.episode) ?? 0;
      this.#target = this.position;
      audio.src = `/api/episodes/${encodeURIComponent(track.episode)}/audio`;
    } else if (ms !== undefined) this.seek(ms);
    void audio.play().catch(() => {});
  }

  /** A selection's clips leave no place behind: they are not where somebody stopped. */
  #remember(now: boolean): void {
    if (this.track === undefined || (!now && Date.now() - this.#remembered < REMEMBER_MS)) return;
    this.#remembered = Date.now();
    rememberPlace(this.track.episode, this.position, this.duration);
  }

  toggle(): void {
    const audio = this.#audio;
    if (audio === undefined || this.track === undefined) return;
    if (audio.paused) void audio.play().catch(() => {});
    else audio.pause();
  }

  seek(ms: number): void {
    const audio = this.#audio;
    if (audio === undefined || this.track === undefined) return;
    this.position = Math.max(0, this.duration > 0 ? Math.min(ms, this.duration) : ms);
    if (audio.readyState === 0) this.#target = this.position;
    else audio.currentTime = this.position / 1000;
  }

  setRate(rate: number): void {
    this.rate = rate;
    if (this.#audio) this.#audio.playbackRate = rate;
  }

  close(): void {
    this.#audio?.pause();
    this.#audio?.removeAttribute("src");
    this.track = undefined;
    this.clips = [];
    this.error = "";
  }
}

export const player = new Player();
