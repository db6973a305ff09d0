import type { InsightType } from "@podcast/corpus";
import { contentStems, wordsOf } from "../text/words.ts";

/** One sentence of the talk that could carry an insight; UTF-16 units. */
export interface Statement {
  start: number;
  end: number;
  text: string;
  speaker: string;
  /** 0 for the first sentence of the episode, 1 for the last. */
  position: number;
}

/** Openings of talk that carry nothing: "Yeah, so —", "Honestly,". They are left out of what is compared. */
const LEAD_IN =
  /^(?:(?:so|yeah|yes|no|well|right|okay|ok|sure|honestly|look|listen|exactly|absolutely|totally|i mean|you know|um|uh|and|but|the short answer is|the way i see it|here'?s (?:how i think about it|the thing)|i'?d put it this way|i think|i believe|i'?d say|in practice)\b[\s,;:—–-]*)+/i;

const GREETING =
  /\b(?:welcome (?:back )?to|today (?:I|we) (?:talk|speak|look)|with (?:me|us) again|that is (?:it|all) for|thanks? (?:you )?(?:so much )?for (?:being|having|coming|joining|listening|tuning|surfacing|the conversation)|glad to be here|great to be here|happy to (?:be here|talk)|good to have you|excited for this one|excited to|see you next (?:time|week)|until next time|that'?s it for|that'?s all for|take care|nice to (?:meet|see|have)|my pleasure|joined (?:today )?by|my guest|subscribe|follow us|next episode|this episode|our listeners?|stay tuned|rate and review|thanks,? [A-Z]\w+|thank you,? [A-Z]\w+)\b/i;

/** "I'm Nora Finch": who says it, not what is said. */
const SELF_INTRODUCTION = /\b(?:I'm|I am|[Mm]y name is) \p{Lu}[\p{L}'-]+ \p{Lu}/u;

/** What a speaker says to run the talk, not about its matter. */
const MODERATION =
  /\b(?:let'?s (?:start|dig|talk|zoom|get|put|pivot|go|move|shift|make|take|unpack|circle|ground|slow)|walk (?:me|us) through|tell (?:me|us)|take (?:me|us)|push back|dig into|i want to (?:ask|dig|start|talk|go|come)|what do you (?:recommend|think|mean|say)|before we (?:wrap|go|end|finish)|that (?:maps|tracks)|useful framing|say more|the last stretch|we'?ve covered|we covered|how (?:do|does|would|did) (?:you|that|this|it)|what (?:does|do|is|are|was|would|surprised|changed)|where do(?:es)?|when does|why (?:do|does|is|are))\b/i;

const ANAPHORA =
  /^(?:it|that|this|they|he|she|these|those|and|but|or|so|because|which|who|then|also|there|here|we'?ve seen this|if you (?:do|don'?t|ignore) (?:that|this|it))\b/i;
const ADVICE =
  /\b(?:should|must|need to|have to|ought to|make sure|start (?:with|by|simple)|try to|never|always|avoid|pick one|don'?t|do not|remember to|the best (?:way|skill|time)|recommend|want to|worth|aim (?:for|to)|keep (?:your|the|it)|begin (?:with|by)|check|write down|repeat|measure)\b/i;
const ASSERTION =
  /\b(?:is|are|was|were|means?|causes?|matters?|comes?|makes?|leads?|depends?|drives?|helps?|reduces?|increases?|improves?|prevents?|protects?|beats?|wins?|kills?|requires?|changes?|turns?|becomes?|saves?|stays?|keeps?|solves?|fails?|breaks?|works?|hides?|costs?|takes?|needs?|gives?|lets?|shows?|tells?)\b/i;
const CONTRAST =
  /\b(?:more than|less than|rather than|instead of|not (?:just |only |from |on |a |the )?\w+|but|however|whereas|unless|even (?:if|when|though)|often|usually|most|almost|never|always|every|only|better|worse|best|worst|biggest|highest|single|first|second|because|if|when)\b/gi;
const HEDGE_ONLY =
  /\b(?:something i'?ve been thinking|i'?ve watched this pattern|we'?ve seen this play out|the framing matters|once you internalize|the rest (?:of the decisions get easier|is iteration)|second-order effect|people care about)\b/i;

/** The sentence without its lead-in: what two statements are compared by. */
export function core(said: string): string {
  const text = straight(said);
  const bare = text.replace(LEAD_IN, "");
  return bare === "" ? text : bare;
}

/** Talk about the talk, greetings and fragments: no insight, however central. */
export function isTalkAboutTalk(said: string): boolean {
  const text = straight(said);
  const words = wordsOf(text);
  return (
    words.length < 5 ||
    GREETING.test(text) ||
    SELF_INTRODUCTION.test(text) ||
    (MODERATION.test(text) && words.length < 16) ||
    contentStems(text).length < 3
  );
}

export function classify(said: string): InsightType {
  const text = straight(said);
  const bare = core(text);
  if (/\?\s*["'”’]?$/.test(text)) return "question";
  if (
    /^(?:don'?t|never|always|try|start|pick|keep|check|avoid|make|use|write|repeat|name|measure|ask|stop|do)\b/i.test(
      bare,
    ) ||
    ADVICE.test(bare)
  )
    return "recommendation";
  if (
    /\b(?:i (?:saw|noticed|found|remember|learned)|we (?:saw|noticed|found|reviewed|modeled|measured|logged|tagged)|i'?ve (?:seen|watched|noticed)|tends? to|often|usually|people (?:think|say|believe))\b/i.test(
      bare,
    )
  )
    return "observation";
  return ASSERTION.test(bare) ? "claim" : "unknown";
}

/**
 * 0–1: how well a sentence stands by itself as something worth keeping. Cues only; how central it is to the episode is
 * for the ranking to say.
 */
export function worth(statement: Statement): number {
  const bare = core(statement.text);
  const words = wordsOf(bare);
  const stems = contentStems(bare);
  let score = 0.35;
  score += Math.min(0.25, new Set(stems).size * 0.03);
  score += Math.min(0.15, (bare.match(CONTRAST)?.length ?? 0) * 0.05);
  if (ADVICE.test(bare)) score += 0.1;
  if (ASSERTION.test(bare)) score += 0.08;
  if (words.length >= 8 && words.length <= 32) score += 0.1;
  if (words.length > 45) score -= 0.15;
  if (ANAPHORA.test(bare)) score -= 0.2;
  if (HEDGE_ONLY.test(bare)) score -= 0.45;
  if (/\?\s*["'”’]?$/.test(statement.text)) score -= 0.25;
  if (MODERATION.test(straight(statement.text))) score -= 0.3;
  if (/^(?:i|we|you|my|our|your)\b/i.test(bare) && !ADVICE.test(bare)) score -= 0.08;
  return Math.max(0, Math.min(1, score));
}

/** Typographic apostrophes and hyphens as typed ones, so that one pattern matches both. */
function straight(text: string): string {
  return text.replace(/[’‘]/g, "'").replace(/[‐‑]/g, "-");
}
