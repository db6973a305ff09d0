import type { DecodedSegment, DecodedWord } from "./engine.ts";

/** One place of the text, and what each decoding heard there. */
interface Slot {
  /** Words by their bare form; an absent word counts as "". */
  readonly choices: Map<string, { weight: number; word: DecodedWord | undefined }>;
}

/** How much a decoding that heard nothing at a place weighs: skipping is a commoner fault than inventing. */
const SILENCE_WEIGHT = 0.5;

/**
 * Merges several decodings of one stretch by a vote at each place, weighted by the decoder's own confidence
 * (ROVER: Fiscus 1997, "A post-processing system to yield reduced word error rates"). Voices that a decoder has
 * trouble with are misheard differently each time; what most decodings agree on is likelier right than any of them.
 *
 * @param decodings - The best first: its order and times are the frame that the others are aligned to.
 */
export function vote(decodings: readonly (readonly DecodedWord[])[]): DecodedWord[] {
  const [first = [], ...others] = decodings;
  let slots: Slot[] = first.map((word) => ({ choices: new Map([[bare(word.text), { weight: word.p, word }]]) }));
  let heard = 1;
  for (const words of others) {
    slots = merge(slots, words, heard);
    heard += 1;
  }
  return inTime(slots.flatMap((slot) => winner(slot) ?? []));
}

function winner(slot: Slot): DecodedWord | undefined {
  let best: { weight: number; word: DecodedWord | undefined } | undefined;
  for (const choice of slot.choices.values()) if (best === undefined || choice.weight > best.weight) best = choice;
  return best?.word;
}

/** Aligns the words to the slots with the fewest edits and adds their votes. */
function merge(slots: readonly Slot[], words: readonly DecodedWord[], heard: number): Slot[] {
  const keys = words.map((word) => bare(word.text));
  const rows = slots.length + 1;
  const columns = words.length + 1;
  const cost = new Float32Array(rows * columns);
  const step = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (row === 0 && column === 0) continue;
      let least = Number.POSITIVE_INFINITY;
      let how = 0;
      const offer = (value: number, way: number) => {
        if (value < least) {
          least = value;
          how = way;
        }
      };
      const slot = slots[row - 1];
      if (slot && column > 0)
        offer(
          (cost[(row - 1) * columns + column - 1] as number) +
            distance(slot, keys[column - 1] as string, words[column - 1] as DecodedWord),
          1,
        );
      if (slot) offer((cost[(row - 1) * columns + column] as number) + (slot.choices.has("") ? 0.3 : 1), 2);
      if (column > 0) offer((cost[row * columns + column - 1] as number) + 1, 3);
      cost[row * columns + column] = least;
      step[row * columns + column] = how;
    }
  }
  const merged: Slot[] = [];
  let row = slots.length;
  let column = words.length;
  while (row > 0 || column > 0) {
    const how = step[row * columns + column];
    if (how === 1) {
      const slot = slots[--row] as Slot;
      const word = words[--column] as DecodedWord;
      add(slot, keys[column] as string, word.p, word);
      merged.push(slot);
    } else if (how === 2) {
      const slot = slots[--row] as Slot;
      add(slot, "", SILENCE_WEIGHT, undefined);
      merged.push(slot);
    } else {
      const word = words[--column] as DecodedWord;
      const choices: Slot["choices"] = new Map([["", { weight: heard * SILENCE_WEIGHT, word: undefined }]]);
      choices.set(keys[column] as string, { weight: word.p, word });
      merged.push({ choices });
    }
  }
  return merged.reverse();
}

/** 0 where the slot knows the word; nearly a whole edit where it knows another one; more where the times are far apart. */
function distance(slot: Slot, key: string, word: DecodedWord): number {
  if (slot.choices.has(key)) return 0;
  let apart = Number.POSITIVE_INFINITY;
  for (const { word: known } of slot.choices.values())
    if (known) apart = Math.min(apart, Math.abs(known.startMs - word.startMs));
  return apart > 3000 ? 1.8 : 1;
}

function add(slot: Slot, key: string, weight: number, word: DecodedWord | undefined): void {
  const known = slot.choices.get(key);
  if (known === undefined) slot.choices.set(key, { weight, word });
  else known.weight += weight;
}

/** Words of several decodings have several clocks: none may begin before the one it follows. */
function inTime(words: readonly DecodedWord[]): DecodedWord[] {
  let last = 0;
  return words.map((word) => {
    const startMs = Math.max(last, word.startMs);
    const endMs = Math.max(startMs, word.endMs);
    last = startMs;
    return { ...word, startMs, endMs };
  });
}

const PAUSE_MS = 1200;
const LONGEST_MS = 14_000;

/** Words as segments again: cut at the ends of sentences and at pauses. */
export function segmentsOfWords(words: readonly DecodedWord[], like: readonly DecodedSegment[]): DecodedSegment[] {
  const groups: DecodedWord[][] = [];
  for (const word of words) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const cut =
      group === undefined ||
      last === undefined ||
      word.startMs - last.endMs > PAUSE_MS ||
      (/[.?!]$/.test(last.text) && group.length > 3) ||
      word.endMs - (group[0] as DecodedWord).startMs > LONGEST_MS;
    if (cut) groups.push([word]);
    else group.push(word);
  }
  const mean = (of: (segment: DecodedSegment) => number) =>
    like.length === 0 ? 0 : like.reduce((sum, segment) => sum + of(segment), 0) / like.length;
  const logprob = mean((segment) => segment.logprob);
  const noSpeech = mean((segment) => segment.noSpeech);
  return groups.map((group) => ({
    startMs: (group[0] as DecodedWord).startMs,
    endMs: Math.max(...group.map((word) => word.endMs)),
    text: group.map((word) => word.text).join(" "),
    words: group,
    logprob,
    noSpeech,
  }));
}

function bare(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
