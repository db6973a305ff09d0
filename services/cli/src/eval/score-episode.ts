import { type Cuts, checkGraph, type GraphFile, type Transcript, type Turns } from "@podcast/corpus";
import { asSpelt, sameName } from "@podcast/pipeline";
import { align, wordErrorRate } from "./align.ts";
import { type DiarizationError, diarizationError, type Turn } from "./der.ts";
import { normaliseEnglish } from "./normalise.ts";
import type { References } from "./references.ts";

export interface EpisodeScore {
  id: string;
  wer?: { rate: number; errors: number; words: number; substitutions: number; deletions: number; insertions: number };
  der?: DiarizationError & { voices: number; expected: number };
  /** Names that the script gives to voices: how many are right, and which are not. */
  names?: { expected: number; right: number; wrong: string[] };
  /** Characters of sponsor reads: found, cut, and there. */
  adverts?: { hit: number; cut: number; truth: number; precision: number; recall: number };
  insights: { count: number; verbatim: number };
}

export interface ScoreInput {
  id: string;
  transcript: Transcript;
  text: string;
  turns: Turns | undefined;
  cuts: Cuts | undefined;
  gi: GraphFile | undefined;
  references: References;
  /** Names that feed and episode mention, as they spell them. */
  feedNames: readonly string[];
}

/** All scores of one episode that its references allow. */
export function scoreEpisode(input: ScoreInput): EpisodeScore {
  const { id, transcript, text, turns, cuts, gi, references } = input;
  const score: EpisodeScore = { id, insights: insightScore(gi, text) };
  if (references.script) {
    const reference = words(references.script.map((line) => line.text).join(" "));
    const alignment = align(reference, words(text));
    const { substitutions, deletions, insertions } = alignment;
    score.wer = {
      rate: wordErrorRate(alignment),
      errors: substitutions + deletions + insertions,
      words: reference.length,
      substitutions,
      deletions,
      insertions,
    };
    if (references.script.some((line) => line.advert)) score.adverts = advertScore(references.script, transcript, cuts);
  }
  if (references.turns) {
    const hypothesis: Turn[] = turns
      ? turns.turns.map((turn) => ({ start: turn.start_ms / 1000, end: turn.end_ms / 1000, speaker: turn.voice }))
      : transcript.segments.map((segment) => ({
          start: segment.start_ms / 1000,
          end: segment.end_ms / 1000,
          speaker: segment.speaker,
        }));
    score.der = {
      ...diarizationError(references.turns, hypothesis),
      voices: new Set(hypothesis.map((turn) => turn.speaker)).size,
      expected: new Set(references.turns.map((turn) => turn.speaker)).size,
    };
  }
  if (references.voiceMap) score.names = nameScore(references, transcript, input.feedNames);
  return score;
}

function words(text: string): string[] {
  return normaliseEnglish(text).split(" ").filter(Boolean);
}

function insightScore(gi: GraphFile | undefined, text: string): EpisodeScore["insights"] {
  const insights = (gi?.nodes ?? []).filter((node) => node.type === "Insight");
  const broken = gi ? checkGraph("gi", gi, text, undefined).length : 0;
  return {
    count: insights.length,
    verbatim: broken === 0 ? insights.filter((node) => node.properties.grounded === true).length : 0,
  };
}

/** Characters by way of the words: a heard word is an advert's when the script word that it stands for is. */
function advertScore(
  script: NonNullable<References["script"]>,
  transcript: Transcript,
  cuts: Cuts | undefined,
): EpisodeScore["adverts"] {
  const truth = script.flatMap((line) => words(line.text).map((word) => ({ word, advert: line.advert })));
  const heard = transcript.segments.flatMap((segment) => {
    const points = [...segment.text];
    const isCut = (at: number) => (cuts?.cuts ?? []).some((one) => one.char_start <= at && at < one.char_end);
    // A cut may end inside a sentence: the two sides are taken apart.
    const parts: { text: string; cut: boolean }[] = [];
    for (const [index, point] of points.entries()) {
      const cut = isCut(segment.char_start + index);
      const last = parts.at(-1);
      if (last?.cut === cut) last.text += point;
      else parts.push({ text: point, cut });
    }
    return parts.flatMap((part) => words(part.text).map((word) => ({ word, cut: part.cut })));
  });
  const { pairs } = align(
    truth.map((one) => one.word),
    heard.map((one) => one.word),
  );
  let [hit, cut, found] = [0, 0, 0];
  let last = false;
  const matched = new Set<number>();
  for (const [index, one] of heard.entries()) {
    const pair = pairs[index] as number;
    // A word without a partner belongs to what stands before it.
    if (pair >= 0) last = truth[pair]?.advert ?? false;
    if (pair >= 0) matched.add(pair);
    const size = one.word.length + 1;
    if (one.cut) cut += size;
    if (one.cut && last) hit += size;
    if (last) found += size;
  }
  for (const [index, one] of truth.entries()) if (one.advert && !matched.has(index)) found += one.word.length + 1;
  return { hit, cut, truth: found, precision: cut === 0 ? 1 : hit / cut, recall: found === 0 ? 1 : hit / found };
}

/** Names that nobody says cannot be heard: only those that the script speaks are asked for. */
function isSaid(name: string, script: References["script"]): boolean {
  if (script === undefined) return true;
  const said = new Set(script.flatMap((line) => line.text.match(/[\p{L}\p{M}'’-]+/gu) ?? []));
  return name.split(" ").every((part) => said.has(part) || said.has(`${part}'s`) || said.has(`${part}’s`));
}

/** A name is right when a voice has it, and that voice mostly speaks where the reference has that person speak. */
function nameScore(
  references: References,
  transcript: Transcript,
  feedNames: readonly string[],
): EpisodeScore["names"] {
  const wrong: string[] = [];
  const expected = Object.entries(references.voiceMap ?? {}).filter(
    ([name]) => name !== "Ad" && isSaid(name, references.script),
  );
  for (const [name, voice] of expected) {
    // Right is the script's spelling or the feed's.
    const spelt = asSpelt(name, feedNames);
    const named = transcript.voices.find(
      (one) => one.name !== undefined && (sameName(one.name, name) || sameName(one.name, spelt)),
    );
    if (named === undefined || (references.turns && mostlyIn(transcript, named.id, references.turns) !== voice))
      wrong.push(name);
  }
  return { expected: expected.length, right: expected.length - wrong.length, wrong };
}

function mostlyIn(transcript: Transcript, speaker: string, turns: readonly Turn[]): string | undefined {
  const time = new Map<string, number>();
  for (const segment of transcript.segments) {
    if (segment.speaker !== speaker) continue;
    for (const turn of turns) {
      const shared = Math.min(turn.end, segment.end_ms / 1000) - Math.max(turn.start, segment.start_ms / 1000);
      if (shared > 0) time.set(turn.speaker, (time.get(turn.speaker) ?? 0) + shared);
    }
  }
  return [...time].sort((a, b) => b[1] - a[1])[0]?.[0];
}
