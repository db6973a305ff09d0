import type { Cut } from "@podcast/corpus";
import type { VoicedSpan } from "../speakers/attribute.ts";
import type { TimedText } from "../text/timed-text.ts";

/** Phrases that open a sponsor read; each is close to never said in the talk itself. */
const OPENERS: readonly [RegExp, number, string][] = [
  [
    /\b(?:this|today'?s|the|our)\s+(?:episode|show|podcast|program)\s+(?:is|was|are|has been)\s+(?:\w+\s+)?(?:brought to you|sponsored|supported|made possible|presented)\b/i,
    1,
    "sponsored by",
  ],
  [/\b(?:brought to you|sponsored|presented|made possible) by\b/i, 0.8, "brought to you by"],
  [
    /\b(?:support|sponsorship|funding) for (?:this|today'?s|the) (?:show|podcast|episode|program)\b/i,
    1,
    "support comes from",
  ],
  [
    /\bthanks?(?: you)?(?: again| so much| very much)? to (?:our (?:sponsors?|partners?|friends)\b|[^.!?]{2,50}? for (?:sponsoring|supporting|backing|making|bringing|powering))/i,
    1,
    "thanks to a sponsor",
  ],
  [
    /\b(?:big |huge )?(?:thank you|thanks|shout-?out) to our (?:sponsors?|partners?|friends) (?:at|over at|from)?\b/i,
    1,
    "thanks to our partners",
  ],
  [
    /\b(?:a )?(?:quick |short |brief )?(?:word|message|break) from (?:our|today'?s|this (?:week|month|episode)'?s?) (?:sponsors?|partners?|advertisers?)\b/i,
    1,
    "a word from our sponsor",
  ],
  [
    /\bour (?:sponsor|partner)(?:'s|s)? (?:website|site|link|offer|for today|today|this week)\b/i,
    0.9,
    "our sponsor's offer",
  ],
  [/\b(?:today'?s|this (?:week|month|episode)'?s) (?:sponsor|partner)\b/i, 1, "today's sponsor"],
  [/\bif you (?:want|like|would like) to support the (?:show|podcast)\b/i, 0.6, "support the show"],
];

/** Signs that a sentence sells something; they carry a read on, and rarely open one. */
const CALLS: readonly [RegExp, number, string][] = [
  [/\b(?:promo|discount|coupon|offer)? ?code:? ["“]?[A-Z0-9]{3,}\b/, 0.8, "promo code"],
  [/\b(?:use|enter|with|apply) (?:the |our )?(?:promo |discount |offer |coupon )?code\b/i, 0.8, "promo code"],
  [
    /\b(?:visit|go to|head (?:over )?to|check out|get started at|sign up at|learn more at|try|find (?:them|it|out more) at|download|available at)\b[^.!?]{0,60}?\b[\w-]+\s?(?:\.|dot)\s?(?:com|org|net|io|co|app|fm|tv|ai|dev)\b/i,
    0.8,
    "address",
  ],
  [/\b[\w-]+\.(?:com|org|net|io|co|app|fm|tv|ai|dev)\/\w+/i, 0.6, "address"],
  [/\b[\w-]{3,}\.(?:com|org|net|io|app|fm|ai)\b/i, 0.4, "address"],
  [
    /\b(?:free (?:trial|month|shipping|account)|extended trial|money-back|percent off|% off|off your first|first (?:order|purchase|month)|cancel any ?time|terms apply|sign up (?:now|today)|link in the (?:show notes|description))\b/i,
    0.6,
    "offer",
  ],
];

/** Where a read ends: the host goes back to the talk. */
const RETURN =
  /\b(?:welcome back|back to (?:the|our|my) (?:show|episode|conversation|interview|guest|talk)|and we'?re back|let'?s (?:get|dive|jump) (?:back )?in(?:to)?|now,? back to)\b/i;
const OPEN = 0.75;
const MAX_SENTENCES = 8;
const MAX_MS = 120_000;

interface Read {
  from: number;
  to: number;
  score: number;
  brand: string | undefined;
  reasons: Set<string>;
}

export interface FoundAdverts {
  cuts: Cut[];
  share: number;
  bounded: boolean;
}

/**
 * Sponsor reads, precision first: a read needs an opening phrase or two calls to act, goes on only over sentences that
 * speak of the brand or sell, and never crosses into talk. Together they take at most `maxShare` of the text; the most
 * certain are kept.
 *
 * @param spans Sentences with their voices, in order.
 */
export function findAdverts(timed: TimedText, spans: readonly VoicedSpan[], maxShare: number): FoundAdverts {
  const texts = spans.map(({ start, end }) => timed.text.slice(start, end));
  const marks = texts.map(marksOf);
  const reads: Read[] = [];
  for (let at = 0; at < spans.length; at++) {
    const opening = marks[at] as Marks;
    const strongCall = opening.call >= OPEN && (marks[at + 1]?.call ?? 0) + opening.open > 0;
    if (opening.open < OPEN && !strongCall && !(opening.open >= 0.5 && brandAfter(texts, at))) continue;
    const read = extend(at, spans, texts, marks, timed);
    reads.push(read);
    at = read.to;
  }
  return bound(reads, spans, timed, maxShare);
}

interface Marks {
  open: number;
  call: number;
  reasons: string[];
}

/** "We'll be right back after …" announces a read and sells nothing itself. */
const ANNOUNCEMENT = /\b(?:right back|after (?:this|these|a)|stay (?:tuned|with us))\b/i;

function marksOf(text: string): Marks {
  const marks: Marks = { open: 0, call: 0, reasons: [] };
  if (ANNOUNCEMENT.test(text) && brandOf(text) === undefined) return marks;
  for (const [pattern, weight, reason] of OPENERS) {
    if (pattern.test(text)) {
      marks.open = Math.max(marks.open, weight);
      marks.reasons.push(reason);
    }
  }
  for (const [pattern, weight, reason] of CALLS) {
    if (pattern.test(text)) {
      marks.call = Math.min(1.6, marks.call + weight);
      marks.reasons.push(reason);
    }
  }
  return marks;
}

/** "Support the show" alone may be a plea; followed by praise of a brand it is a read. */
function brandAfter(texts: readonly string[], at: number): boolean {
  const next = texts[at + 1] ?? "";
  return /^["“]?[A-Z][\w&.-]+(?: [A-Z][\w&.-]+){0,2} (?:is|are|has|makes?|builds?|gives?|helps?|lets?|turns?|captures?|offers?|replaces?)\b/.test(
    next,
  );
}

const BRAND = [
  /\b(?:brought to you|sponsored|supported|presented|made possible) by (?:our (?:friends|partners) at )?((?:the )?[A-Z][\w&'’.-]*(?: (?:&|and|of)? ?[A-Z][\w&'’.-]*){0,3})/,
  /\bthanks?(?: you)?(?: again| so much)? to (?:our (?:sponsors?|partners?|friends) (?:at|over at|from) )?((?:the )?[A-Z][\w&'’.-]*(?: (?:& )?[A-Z][\w&'’.-]*){0,3})/,
  /\bour (?:sponsors?|partners?|friends),? (?:at |over at |from )?((?:the )?[A-Z][\w&'’.-]*(?: (?:& )?[A-Z][\w&'’.-]*){0,3})/,
];

function brandOf(text: string): string | undefined {
  for (const pattern of BRAND) {
    const name = pattern.exec(text)?.[1]?.replace(/[.,'’]+$/, "");
    if (name !== undefined && name.length > 1) return name;
  }
  return undefined;
}

function extend(
  at: number,
  spans: readonly VoicedSpan[],
  texts: readonly string[],
  marks: readonly Marks[],
  timed: TimedText,
): Read {
  const first = marks[at] as Marks;
  let brand = brandOf(texts[at] as string);
  const read: Read = {
    from: at,
    to: at,
    score: Math.max(first.open, first.call),
    brand,
    reasons: new Set(first.reasons),
  };
  const { voice } = spans[at] as VoicedSpan;
  const startMs = timed.timeAt((spans[at] as VoicedSpan).start);
  for (let next = at + 1; next < spans.length && next - at < MAX_SENTENCES; next++) {
    const span = spans[next] as VoicedSpan;
    const text = texts[next] as string;
    const mark = marks[next] as Marks;
    if (RETURN.test(text) && mark.open === 0) break;
    if (span.voice !== voice) break;
    if (timed.timeAt(span.start) - startMs > MAX_MS) break;
    if (next === at + 1 && brand === undefined) brand = subjectOf(text);
    const named = brand !== undefined && mentions(text, brand);
    const sells = mark.open > 0 || mark.call >= 0.4;
    // One plain sentence may stand between two that sell.
    const bridge =
      !named &&
      !sells &&
      next + 1 < spans.length &&
      next - read.to === 1 &&
      ((marks[next + 1] as Marks).call >= 0.6 || (brand !== undefined && mentions(texts[next + 1] as string, brand))) &&
      !text.endsWith("?");
    if (!named && !sells && !bridge) break;
    if (!bridge) {
      read.to = next;
      for (const reason of mark.reasons) read.reasons.add(reason);
      if (named) read.reasons.add("names the brand again");
      read.score = Math.min(1, read.score + 0.1);
    }
  }
  read.brand = brand;
  return read;
}

/** "Strava is the home for athletes": the subject of the sentence after an opener is the brand. */
function subjectOf(text: string): string | undefined {
  return /^((?:[A-Z][\w&.-]+)(?: [A-Z][\w&.-]+){0,2}) (?:is|are|has|makes?|builds?|gives?|helps?|lets?|turns?|captures?|offers?|replaces?|sells?|brings?|keeps?|delivers?)\b/.exec(
    text,
  )?.[1];
}

function mentions(text: string, brand: string): boolean {
  const plain = (value: string) => value.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const key = plain(brand);
  return key.length > 2 && plain(text).includes(key);
}

/** A decoder may run the read into the talk with a comma: "Try Strava.com today, people think …" ends at the comma. */
function endOfRead(text: string, { start, end }: VoicedSpan, brand: string | undefined): number {
  const said = text.slice(start, end);
  for (const comma of said.matchAll(/,\s/g)) {
    const [head, tail] = [said.slice(0, comma.index), said.slice(comma.index + 1)];
    const sold = marksOf(head).call > 0;
    const moved = marksOf(tail).call === 0 && (brand === undefined || !mentions(tail, brand));
    if (sold && moved && tail.trim().split(/\s+/).length >= 4) return start + comma.index + 1;
  }
  return end;
}

function bound(reads: Read[], spans: readonly VoicedSpan[], timed: TimedText, maxShare: number): FoundAdverts {
  const length = Math.max(1, timed.text.length);
  const most = maxShare * length;
  let taken = 0;
  let bounded = false;
  const kept = new Set<Read>();
  for (const read of [...reads].sort((a, b) => b.score - a.score || a.from - b.from)) {
    const size = (spans[read.to] as VoicedSpan).end - (spans[read.from] as VoicedSpan).start;
    if (taken + size > most) bounded = true;
    else {
      taken += size;
      kept.add(read);
    }
  }
  const cuts = reads
    .filter((read) => kept.has(read))
    .map((read): Cut => {
      const start = (spans[read.from] as VoicedSpan).start;
      const end = endOfRead(timed.text, spans[read.to] as VoicedSpan, read.brand);
      return {
        char_start: timed.points.toPoint(start),
        char_end: timed.points.toPoint(end),
        start_ms: timed.timeAt(start),
        end_ms: timed.timeAt(end),
        kind: "sponsor",
        ...(read.brand === undefined ? {} : { brand: read.brand }),
        score: Math.round(read.score * 100) / 100,
        reasons: [...read.reasons],
      };
    });
  return { cuts, share: Math.round((taken / length) * 10_000) / 10_000, bounded };
}
