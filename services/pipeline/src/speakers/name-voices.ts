import type { Episode, Voice, VoiceType } from "@podcast/corpus";
import { wordsOf } from "../text/words.ts";
import { asSpelt, isPersonName, metadataNames } from "./names.ts";

/** One sentence with its voice, in order. */
export interface SaidSentence {
  voice: string;
  text: string;
  startMs: number;
  endMs: number;
  /** Inside an advert. */
  cut: boolean;
}

const N = String.raw`((?:(?:Dr|Prof|Mr|Mrs|Ms|Sir|Professor|Doctor)\.? )?\p{Lu}[\p{L}\p{M}'’-]+(?: (?:de|van|von|der|den|da|di|la|le|el|al|bin))*(?: \p{Lu}(?:\.(?= \p{Lu})|[\p{L}\p{M}'’-]+)){0,3})`;
const pattern = (source: string) => new RegExp(source.replace("NAME", N), "u");
const SELF = [
  pattern(
    String.raw`\b(?:I'm|I am|[Mm]y name is|[Mm]y name's|[Tt]his is) (?:your host,? )?NAME(?=[,.!—–-]|\s+(?:and|from|in|here|with)\b|$)`,
  ),
];
const INTRODUCES = [
  String.raw`\b(?i:I'm|I am|we're|we are) (?:here |back |sitting down |talking |speaking |excited to be )?(?:joined (?:today |here |now )?by|with|talking (?:to|with)|speaking (?:to|with)) (?:my (?:guest|friend|colleague),? )?NAME`,
  String.raw`\b(?i:my|our|today's) (?:first |second |next |other )?(?:guests?|co-?host)(?: today| this week| for today)?,? (?:is|are|,) ?NAME`,
  String.raw`\b(?i:please )?(?i:welcome) (?:to the show,? |back,? )?NAME`,
  String.raw`\b(?i:here's|here is|that was|let's hear from|we spoke to|we spoke with|listen to) (?:[\p{Ll}-]+ ){0,4}NAME`,
  String.raw`\b(?i:joining me|joining us|with me|with us)(?: today| now| here)? is NAME`,
  "\\bNAME (?:joins (?:me|us)|is (?:here|with (?:me|us)))",
].map(pattern);
/** "Liam, thanks for being here." — speaks to somebody who is about to answer. */
const CALLS = [
  "(?:^|[.!?] )NAME,? (?:welcome|thanks|thank you|good to|great to|nice to|it's (?:good|great))",
  String.raw`\b(?i:thanks|thank you|cheers|welcome|welcome back|hello|hi),? (?:again,? |so much,? |very much,? )?NAME\s*[.!,—–-]`,
].map(pattern);
const HOSTING =
  /\b(?:welcome (?:back )?to|that'?s (?:it|all) for|see you next (?:time|week)|until next time|thanks for (?:being here|coming on|joining|listening|the conversation)|before we (?:wrap|go|dive)|my guest|joined by|let'?s start|walk (?:me|us) through|tell (?:me|us)|brought to you by|sponsored by|(?:today'?s|this) (?:episode|show|\w+ sessions))\b/i;

interface Profile {
  id: string;
  seconds: number;
  cutSeconds: number;
  hosting: number;
  questions: number;
  first: number;
}

/**
 * Names and roles of voices, on evidence only: person tags, the host of record, what voices say of themselves and of
 * each other. A name in a description alone is no evidence that the person speaks. What stays without evidence stays
 * without a name.
 */
export function nameVoices(said: readonly SaidSentence[], episode: Episode, preset: readonly string[] = []): Voice[] {
  const profiles = profile(said);
  const known = metadataNames(episode);
  const names = new Map<string, { name: string; evidence: string[] }>();
  const claim = (voice: string, name: string, why: string) => {
    const spelt = asSpelt(name, known);
    const held = names.get(voice);
    if (held === undefined) names.set(voice, { name: spelt, evidence: [why] });
    else if (sameName(held.name, spelt)) {
      held.evidence.push(why);
      if (spelt.split(" ").length > held.name.split(" ").length) held.name = spelt;
    }
  };
  for (const voice of profiles)
    if (isPersonName(voice.id) || preset.includes(voice.id)) claim(voice.id, voice.id, "published transcript");

  const adverts = new Set(
    profiles.filter((voice) => voice.cutSeconds > 0.7 * voice.seconds && voice.hosting <= 1).map((voice) => voice.id),
  );
  const talkers = profiles.filter((voice) => !adverts.has(voice.id));
  const host = pickHost(talkers);
  for (const [position, sentence] of said.entries()) {
    if (sentence.cut || adverts.has(sentence.voice)) continue;
    const text = sentence.text.replace(/[’‘]/g, "'");
    for (const pattern of SELF) {
      const name = pattern.exec(text)?.[1];
      if (name && isPersonName(name) && !calledJustBefore(said, position, name)) claim(sentence.voice, name, "says so");
    }
  }
  const introduced: { name: string; by: string; position: number }[] = [];
  for (const [position, sentence] of said.entries()) {
    if (sentence.cut || adverts.has(sentence.voice)) continue;
    const text = sentence.text.replace(/[’‘]/g, "'");
    for (const pattern of INTRODUCES) {
      const name = pattern.exec(text)?.[1];
      if (name && isPersonName(name) && !isShow(name, episode)) introduced.push({ name, by: sentence.voice, position });
    }
  }
  for (const { name, by, position } of introduced) {
    const spelt = asSpelt(name, known);
    if ([...names.values()].some((held) => sameName(held.name, spelt))) continue;
    const next = nextVoice(said, position, by, (voice) => !names.has(voice) && !adverts.has(voice));
    if (next !== undefined) claim(next, name, "introduced");
  }
  for (const [position, sentence] of said.entries()) {
    if (sentence.cut || adverts.has(sentence.voice)) continue;
    const text = sentence.text.replace(/[’‘]/g, "'");
    for (const pattern of CALLS) {
      const name = pattern.exec(text)?.[1];
      if (!name || !isPersonName(name) || isShow(name, episode)) continue;
      const spelt = asSpelt(name, known);
      // Whoever has the name already is meant, also where a slip in the turns lets the voice speak to itself.
      if ([...names.values()].some((held) => sameName(held.name, spelt))) continue;
      // "Thanks, Maya." where Maya is on record as the host names the host, whoever spoke next.
      if (host !== undefined && !names.has(host) && hostOfRecord(episode).some((one) => sameName(one, spelt))) {
        if (sentence.voice !== host || talkers.length === 2) claim(host, name, "addressed by name");
        continue;
      }
      const others = talkers.filter((voice) => voice.id !== sentence.voice && !names.has(voice.id));
      // The one addressed is who spoke just before or speaks next; with two at the table there is no other.
      const near = neighbour(said, position, sentence.voice);
      const target =
        others.length === 1
          ? others[0]?.id
          : near !== undefined && others.some((voice) => voice.id === near)
            ? near
            : undefined;
      if (target !== undefined) claim(target, name, "addressed by name");
    }
  }
  if (host !== undefined && !names.has(host)) {
    const record = hostOfRecord(episode).filter(
      (name) => ![...names.values()].some((held) => sameName(held.name, name)),
    );
    if (record.length === 1) claim(host, record[0] as string, "host of record");
  }
  if (host !== undefined) {
    const held = names.get(host);
    const full = held && hostOfRecord(episode).find((name) => sameName(name, held.name));
    if (held && full && full.split(" ").length > held.name.split(" ").length) held.name = full;
  }
  const tagged = new Map(
    [...episode.people, ...episode.feed_people].map((person) => [person.name, person.role ?? "host"]),
  );
  return profiles.map((voice): Voice => {
    const held = names.get(voice.id);
    const tag = held && [...tagged].find(([name]) => sameName(name, held.name))?.[1];
    const type: VoiceType = adverts.has(voice.id)
      ? "advert"
      : tag === "host" || tag === "guest"
        ? tag
        : voice.id === host
          ? "host"
          : talkers.length > 1 && voice.seconds > 1.5
            ? "guest"
            : "unknown";
    return {
      id: voice.id,
      ...(held && type !== "advert" ? { name: held.name } : {}),
      type,
      seconds: Math.round(voice.seconds * 10) / 10,
      evidence: [...new Set(held?.evidence ?? [])],
    };
  });
}

function profile(said: readonly SaidSentence[]): Profile[] {
  const profiles = new Map<string, Profile>();
  for (const [position, sentence] of said.entries()) {
    const voice = profiles.get(sentence.voice) ?? {
      id: sentence.voice,
      seconds: 0,
      cutSeconds: 0,
      hosting: 0,
      questions: 0,
      first: position,
    };
    const seconds = Math.max(0.05, (sentence.endMs - sentence.startMs) / 1000);
    voice.seconds += seconds;
    if (sentence.cut) voice.cutSeconds += seconds;
    if (!sentence.cut && HOSTING.test(sentence.text.replace(/[’‘]/g, "'"))) voice.hosting++;
    if (/\?\s*$/.test(sentence.text)) voice.questions++;
    profiles.set(sentence.voice, voice);
  }
  return [...profiles.values()];
}

/** The voice that runs the talk: says hosting phrases and asks; a single voice is the host. */
function pickHost(talkers: readonly Profile[]): string | undefined {
  if (talkers.length === 1) return talkers[0]?.id;
  const scored = talkers
    .map((voice) => ({
      id: voice.id,
      score:
        voice.hosting * 2 +
        Math.min(6, voice.questions) * 0.7 +
        (voice.first === 0 ? 0.8 : 0) +
        (voice.cutSeconds > 0 ? 1 : 0),
    }))
    .sort((a, b) => b.score - a.score);
  return scored[0] !== undefined && scored[0].score >= 1.5 && scored[0].score > (scored[1]?.score ?? 0)
    ? scored[0].id
    : undefined;
}

/** Names that feed and episode record as hosts: person tags, else the author where it is a person. */
function hostOfRecord(episode: Episode): string[] {
  const tags = [...episode.people, ...episode.feed_people]
    .filter((person) => (person.role ?? "host") === "host")
    .map((person) => person.name);
  if (tags.length > 0) return [...new Set(tags)];
  return (episode.feed_author ?? "")
    .split(/\s*(?:,|&|\band\b|\/)\s*/)
    .filter((name) => isPersonName(name) && name.includes(" "));
}

function isShow(name: string, episode: Episode): boolean {
  const show = wordsOf(episode.feed_title).join(" ");
  return show.includes(wordsOf(name).join(" ")) && name.split(" ").length > 1;
}

/** "This is Marco." after "Marco?" is an answer; "I'm Maya." said of another is no self-introduction. */
function calledJustBefore(said: readonly SaidSentence[], position: number, name: string): boolean {
  const text = (said[position] as SaidSentence).text;
  return (
    new RegExp(String.raw`\b(?:with|by|guest|and) ${name}`).test(text) &&
    !/\b(?:I'm|my name)/i.test(text.replace(/[’‘]/g, "'"))
  );
}

function nextVoice(
  said: readonly SaidSentence[],
  position: number,
  not: string,
  fits: (voice: string) => boolean,
): string | undefined {
  for (let i = position + 1; i < said.length && i < position + 40; i++) {
    const { voice, cut } = said[i] as SaidSentence;
    if (voice !== not && !cut && fits(voice)) return voice;
  }
  return undefined;
}

function neighbour(said: readonly SaidSentence[], position: number, voice: string): string | undefined {
  for (const step of [1, -1]) {
    for (let i = position + step; i >= 0 && i < said.length && Math.abs(i - position) < 6; i += step) {
      const other = said[i] as SaidSentence;
      if (other.voice !== voice && !other.cut) return other.voice;
    }
  }
  return undefined;
}

/** "Maya" and "Maya Koster", "Dr. Elena Fischer" and "Elena": one person as far as this episode goes. */
export function sameName(a: string, b: string): boolean {
  const parts = (name: string) => wordsOf(name.replace(/^(?:Dr|Prof|Mr|Mrs|Ms|Sir|Professor|Doctor)\.? /, ""));
  const [short, long] = [parts(a), parts(b)].sort((x, y) => x.length - y.length) as [string[], string[]];
  return short.length > 0 && (short.every((word) => long.includes(word)) || short.join("") === long.join(""));
}
