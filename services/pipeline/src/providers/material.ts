import type { TalkText } from "../text/analysis.ts";

/** The talk as lines of "name: text" for a language model, adverts left out. */
export function labelled(talk: TalkText): string {
  const names = new Map(talk.transcript.voices.map((voice) => [voice.id, voice.name ?? voice.id]));
  let last: string | undefined;
  let text = "";
  for (const statement of talk.statements) {
    text +=
      statement.speaker === last
        ? ` ${statement.text}`
        : `${text === "" ? "" : "\n"}${names.get(statement.speaker)}: ${statement.text}`;
    last = statement.speaker;
  }
  return text;
}

/** Material cut to what the model reads at once, beginning and end kept; about three characters a token. */
export function materialOf(text: string, contextTokens: number): string {
  const most = Math.max(2000, (contextTokens - 3000) * 3);
  if (text.length <= most) return text;
  return `${text.slice(0, most * 0.7)}\n[…]\n${text.slice(-most * 0.3)}`;
}
