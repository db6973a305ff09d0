import type { Pcm } from "../audio/pcm.ts";
import { SAMPLE_RATE } from "../audio/pcm.ts";
import type { DecodedSegment, DecodedWord, SpeechEngine } from "./engine.ts";
import { gaps, loops, type Quality, rate } from "./quality.ts";
import { segmentsOfWords, vote } from "./vote.ts";
import { type DecodeWindow, packWindows, type SpeechSpan, speechSeconds, windowsByVoice } from "./windows.ts";

export interface TranscribeOptions {
  /** Stretches of speech, from diarization or voice activity detection. */
  speech: readonly SpeechSpan[];
  language: string;
  /** Names and titles that are likely to be said: they help with spelling. */
  hints?: string | undefined;
  beam: number;
  /** Decode doubtful stretches again. */
  repair: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((share: number) => void) | undefined;
}

export interface Doubtful {
  startMs: number;
  endMs: number;
  kind: "skipped" | "repeated" | "invented" | "unsure";
}

export interface Transcription {
  segments: DecodedSegment[];
  language: string;
  doubts: Doubtful[];
  /** Seconds of speech decoded, and how many of them more than once. */
  speechSeconds: number;
  repairedSeconds: number;
}

const PAD_MS = 160;
/** Share of the usual rate of likely characters below which a window is decoded again. */
const LOW_RATE = 0.82;
const LOW_CONFIDENCE = 0.84;
/** Speech of this length without a word is a gap. ms */
const GAP_MS = 1500;
/** A second decoding has to be this much better to replace the first. */
const MARGIN = 1.05;
/** Share of the best decoding's likely characters that another needs to have a vote. */
const FAIR = 0.8;

/** Speech that is decoded in one go, whisper.cpp's own loop moving its window through it. ms */
const BLOCK_MS = 150_000;

interface Attempt {
  segments: DecodedSegment[];
  quality: Quality;
}

/**
 * Speech to text with times of the original audio. Speech is decoded in blocks of some minutes that begin
 * and end at pauses; then judged in windows of half a minute, cut at pauses and changes of voice. A window whose text is
 * too little, too unsure or in loops for its speech is decoded again: alone and without context (which makes the decoder
 * skip strange voices), with names alone, and voice by voice; they vote word by word. What still has no words is decoded by itself, and
 * named as a doubt when even that gives none.
 */
export async function transcribe(engine: SpeechEngine, pcm: Pcm, options: TranscribeOptions): Promise<Transcription> {
  const windows = packWindows(options.speech);
  const decoder = new WindowDecoder(engine, pcm, options);
  const blocks = packWindows(options.speech, BLOCK_MS);
  const heard: DecodedSegment[] = [];
  const total = blocks.reduce((sum, block) => sum + block.endMs - block.startMs, 0);
  let done = 0;
  let said = "";
  for (const block of blocks) {
    const { segments, quality } = await decoder.decode(block, contextOf(options.hints, said));
    heard.push(...segments);
    said = quality.confidence >= LOW_CONFIDENCE ? textOf(segments) : "";
    done += block.endMs - block.startMs;
    options.onProgress?.((done / total) * (options.repair ? 0.8 : 1));
  }
  const attempts = assignToWindows(heard, windows);
  const usual = median(attempts.map((attempt) => attempt.quality.rate));
  const doubts: Doubtful[] = [];
  let repaired = 0;
  for (const [position, window] of windows.entries()) {
    let attempt = attempts[position] as Attempt;
    if (options.repair && isDoubtful(attempt, window, usual)) {
      repaired += speechSeconds(window.spans);
      attempt = await decoder.repair(window, attempt);
    }
    doubts.push(...doubtsOf(attempt, window, usual));
    attempts[position] = attempt;
    options.onProgress?.(0.8 + (0.2 * (position + 1)) / windows.length);
  }
  return {
    segments: inOrder(attempts.flatMap((attempt) => attempt.segments)),
    language: decoder.language,
    doubts,
    speechSeconds: speechSeconds(options.speech),
    repairedSeconds: repaired,
  };
}

class WindowDecoder {
  readonly #engine: SpeechEngine;
  readonly #pcm: Pcm;
  readonly #options: TranscribeOptions;
  /** Found by the first window, kept for the rest: one stray sentence must not switch it. */
  language: string;

  constructor(engine: SpeechEngine, pcm: Pcm, options: TranscribeOptions) {
    this.#engine = engine;
    this.#pcm = pcm;
    this.#options = options;
    this.language = options.language;
  }

  async decode(window: DecodeWindow, prompt: string | undefined): Promise<Attempt> {
    const from = Math.max(0, window.startMs - PAD_MS);
    const until = Math.min(this.#pcm.durationMs, window.endMs + PAD_MS);
    const samples = await this.#pcm.raw(toSample(from), toSample(until));
    const { beam, signal } = this.#options;
    const decoded = await this.#engine.decode(samples, { language: this.language, prompt, beam, signal });
    if (this.language === "auto" && decoded.segments.length > 0) this.language = decoded.language;
    const segments = decoded.segments.filter(isSpeech).map((segment) => shift(segment, from, until));
    return ofSegments(respread(segments, window.spans), window);
  }

  /**
   * Decodes a doubtful window in other ways. The likeliest text is the frame; the others vote with it word by word,
   * unless they say much less or run in circles.
   */
  async repair(window: DecodeWindow, first: Attempt): Promise<Attempt> {
    const attempts = [first, await this.decode(window, undefined)];
    if (this.#options.hints !== undefined) attempts.push(await this.decode(window, this.#options.hints));
    const voices = windowsByVoice(window);
    if (voices.length > 1) attempts.push(await this.#pieces(window, voices));
    attempts.sort((a, b) => b.quality.likely - a.quality.likely);
    const best = (
      first.quality.likely * MARGIN > (attempts[0] as Attempt).quality.likely ? first : attempts[0]
    ) as Attempt;
    const voters = attempts.filter(
      (attempt) =>
        attempt === best || (attempt.quality.looped === 0 && attempt.quality.likely > best.quality.likely * FAIR),
    );
    if (voters.length < 3 || best.quality.looped > 0) return this.#fillGaps(window, best);
    const words = vote(
      [best, ...voters.filter((attempt) => attempt !== best)].map((attempt) => wordsOf(attempt.segments)),
    );
    return this.#fillGaps(window, ofSegments(segmentsOfWords(words, best.segments), window));
  }

  async #pieces(window: DecodeWindow, pieces: readonly DecodeWindow[]): Promise<Attempt> {
    const segments: DecodedSegment[] = [];
    for (const piece of pieces) segments.push(...(await this.decode(piece, undefined)).segments);
    return ofSegments(segments, window);
  }

  /** Decodes speech that has no words by itself and puts in what is more likely said than not. */
  async #fillGaps(window: DecodeWindow, attempt: Attempt): Promise<Attempt> {
    const holes = gaps(attempt.segments, window.spans, GAP_MS);
    if (holes.length === 0) return attempt;
    let segments = attempt.segments;
    for (const hole of holes) {
      const piece = await this.decode({ ...hole, spans: [hole] }, undefined);
      const words = wordsOf(piece.segments);
      if (words.length === 0 || piece.quality.confidence < 0.55 || piece.quality.looped > 0) continue;
      const known = new Set(wordsOf(segments).map((word) => bare(word.text)));
      // The rim of a gap is heard twice; what is there already is not said again.
      if (words.filter((word) => known.has(bare(word.text))).length > words.length * 0.6) continue;
      segments = inOrder([...segments.map((segment) => clip(segment, hole)), ...piece.segments]);
    }
    return { segments, quality: rate(wordsOf(segments), window.spans) };
  }
}

function isDoubtful(attempt: Attempt, window: DecodeWindow, usual: number): boolean {
  const { quality, segments } = attempt;
  return (
    quality.rate < usual * LOW_RATE ||
    quality.confidence < LOW_CONFIDENCE ||
    quality.looped > 0 ||
    gaps(segments, window.spans, GAP_MS).length > 0
  );
}

function doubtsOf(attempt: Attempt, window: DecodeWindow, usual: number): Doubtful[] {
  const doubts: Doubtful[] = gaps(attempt.segments, window.spans, GAP_MS).map(({ startMs, endMs }) => ({
    startMs,
    endMs,
    kind: "skipped",
  }));
  const whole = { startMs: window.startMs, endMs: window.endMs };
  if (loops(wordsOf(attempt.segments)).size > 0) doubts.push({ ...whole, kind: "repeated" });
  for (const segment of attempt.segments) {
    if (segment.noSpeech > 0.6 && segment.logprob < -1)
      doubts.push({ startMs: segment.startMs, endMs: segment.endMs, kind: "invented" });
  }
  if (attempt.quality.confidence < 0.7 || attempt.quality.rate < usual * 0.6) doubts.push({ ...whole, kind: "unsure" });
  return doubts;
}

/** Whisper writes noises in brackets; they are not words that anybody said. */
function isSpeech(segment: DecodedSegment): boolean {
  return /[\p{L}\p{N}]/u.test(segment.text) && !/^\s*(?:[[(*♪][^\])*♪]*[\])*♪]\s*)+$/u.test(segment.text);
}

function contextOf(hints: string | undefined, said: string): string | undefined {
  const context = [hints, said.slice(-240)].filter(Boolean).join(" ").trim();
  return context === "" ? undefined : context;
}

function shift(segment: DecodedSegment, offset: number, until: number): DecodedSegment {
  const move = (ms: number) => Math.max(0, Math.min(until, Math.round(ms + offset)));
  return {
    ...segment,
    startMs: move(segment.startMs),
    endMs: move(segment.endMs),
    words: segment.words.map((word) => ({ ...word, startMs: move(word.startMs), endMs: move(word.endMs) })),
  };
}

/** Keeps a stretched word out of a gap that has got words of its own. */
function clip(segment: DecodedSegment, hole: SpeechSpan): DecodedSegment {
  return {
    ...segment,
    words: segment.words.map((word) => {
      if (word.endMs <= hole.startMs || word.startMs >= hole.endMs) return word;
      if (word.startMs < hole.startMs) return { ...word, endMs: hole.startMs };
      return { ...word, startMs: Math.min(hole.endMs, word.endMs) };
    }),
  };
}

/** Segments by time; one that words were put into the middle of is cut there. */
function inOrder(segments: readonly DecodedSegment[]): DecodedSegment[] {
  const pieces = segments.flatMap((segment) => {
    const rivals = segments.filter(
      (other) => other !== segment && other.startMs > segment.startMs && other.endMs < segment.endMs,
    );
    const cut = rivals[0]?.startMs;
    if (cut === undefined) return [segment];
    const before = segment.words.filter((word) => word.startMs < cut);
    const after = segment.words.filter((word) => word.startMs >= cut);
    return [before, after].filter((words) => words.length > 0).map((words) => ofWords(segment, words));
  });
  return pieces.sort((a, b) => a.startMs - b.startMs);
}

function ofWords(segment: DecodedSegment, words: DecodedWord[]): DecodedSegment {
  return {
    ...segment,
    words,
    text: words.map((word) => word.text).join(" "),
    startMs: (words[0] as DecodedWord).startMs,
    endMs: (words.at(-1) as DecodedWord).endMs,
  };
}

function ofSegments(segments: DecodedSegment[], window: DecodeWindow): Attempt {
  return { segments, quality: rate(wordsOf(segments), window.spans) };
}

/** What was decoded in long blocks, window by window: a segment belongs where its middle lies. */
function assignToWindows(heard: readonly DecodedSegment[], windows: readonly DecodeWindow[]): Attempt[] {
  const parts: DecodedSegment[][] = windows.map(() => []);
  for (const segment of heard) {
    const pieces = new Map<number, DecodedWord[]>();
    for (const word of segment.words) {
      const middle = (word.startMs + word.endMs) / 2;
      let home = windows.findLastIndex((window) => window.startMs <= middle);
      if (home < 0) home = 0;
      pieces.set(home, [...(pieces.get(home) ?? []), word]);
    }
    for (const [home, words] of pieces)
      (parts[home] as DecodedSegment[]).push(pieces.size === 1 ? segment : ofWords(segment, words));
  }
  return windows.map((window, position) => ofSegments(parts[position] as DecodedSegment[], window));
}

/** Letters a second that nobody speaks: times like that are a slip of the decoder, not of the speaker. */
const IMPOSSIBLE_RATE = 40;

/** Spreads words over the speech by their length where the decoder squeezed many of them into a moment. */
function respread(segments: DecodedSegment[], spans: readonly SpeechSpan[]): DecodedSegment[] {
  const squeezed = segments.some(
    (segment) =>
      segment.text.length > 30 &&
      (segment.text.length / Math.max(1, segment.endMs - segment.startMs)) * 1000 > IMPOSSIBLE_RATE,
  );
  if (!squeezed) return segments;
  const letters = wordsOf(segments).reduce((sum, word) => sum + word.text.length + 1, 0);
  const length = spans.reduce((sum, span) => sum + span.endMs - span.startMs, 0);
  let spent = 0;
  const at = (share: number) => {
    let left = share * length;
    for (const span of spans) {
      if (left <= span.endMs - span.startMs) return Math.round(span.startMs + left);
      left -= span.endMs - span.startMs;
    }
    return spans.at(-1)?.endMs ?? 0;
  };
  return segments.map((segment) => {
    const words = segment.words.map((word) => {
      const startMs = at(spent / letters);
      spent += word.text.length + 1;
      return { ...word, startMs, endMs: at(Math.min(1, spent / letters)) };
    });
    return {
      ...segment,
      words,
      startMs: words[0]?.startMs ?? segment.startMs,
      endMs: words.at(-1)?.endMs ?? segment.endMs,
    };
  });
}

function bare(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

function wordsOf(segments: readonly DecodedSegment[]): DecodedWord[] {
  return segments.flatMap((segment) => segment.words);
}

function textOf(segments: readonly DecodedSegment[]): string {
  return segments.map((segment) => segment.text).join(" ");
}

function toSample(ms: number): number {
  return Math.round((ms * SAMPLE_RATE) / 1000);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
