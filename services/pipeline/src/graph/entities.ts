import type { Transcript } from "@podcast/corpus";
import nlp from "compromise";
import { sameName } from "../speakers/name-voices.ts";
import { isPersonName } from "../speakers/names.ts";
import type { TalkStatement } from "../text/analysis.ts";

export interface EntityMention {
  name: string;
  kind: "person" | "org";
  role: "host" | "guest" | "mentioned";
  aliases: string[];
  /** Statements that name it, as indexes. */
  statements: number[];
}

/**
 * People and organisations: the named voices with their roles, and what the talk names. A bare first name belongs to
 * the one person of this episode who has it; to nobody when two do.
 */
export function findEntities(
  transcript: Transcript,
  statements: readonly TalkStatement[],
  brands: readonly string[],
): EntityMention[] {
  const people: EntityMention[] = transcript.voices.flatMap((voice) =>
    voice.name === undefined
      ? []
      : [
          {
            name: voice.name,
            kind: "person" as const,
            role:
              voice.type === "host"
                ? ("host" as const)
                : voice.type === "guest"
                  ? ("guest" as const)
                  : ("mentioned" as const),
            aliases: [],
            statements: [],
          },
        ],
  );
  const orgs = new Map<string, EntityMention>();
  const english = transcript.language === "en";
  for (const [index, statement] of statements.entries()) {
    if (!english) break;
    const doc = nlp(statement.text);
    for (const raw of doc.people().out("array") as string[]) {
      const name = bare(raw);
      if (!isPersonName(name) || brands.some((brand) => brand.toLowerCase() === name.toLowerCase())) continue;
      const matches = people.filter((person) => sameName(person.name, name));
      if (matches.length === 1) note(matches[0] as EntityMention, name, index);
      else if (matches.length === 0 && name.includes(" "))
        people.push({ name, kind: "person", role: "mentioned", aliases: [], statements: [index] });
    }
    for (const raw of doc.organizations().out("array") as string[]) {
      const name = bare(raw);
      if (name.length < 2 || !/^\p{Lu}/u.test(name) || people.some((person) => sameName(person.name, name))) continue;
      const held = orgs.get(name.toLowerCase()) ?? {
        name,
        kind: "org" as const,
        role: "mentioned" as const,
        aliases: [],
        statements: [],
      };
      note(held, name, index);
      orgs.set(name.toLowerCase(), held);
    }
  }
  // One mention by a tagger of general English is a guess; two, or a sponsor's name, are not.
  const sure = [...orgs.values()].filter(
    (org) => org.statements.length > 1 || brands.some((brand) => brand.toLowerCase() === org.name.toLowerCase()),
  );
  return [...people, ...sure];
}

function note(entity: EntityMention, form: string, index: number): void {
  if (form !== entity.name && !entity.aliases.includes(form)) entity.aliases.push(form);
  if (!entity.statements.includes(index)) entity.statements.push(index);
}

function bare(text: string): string {
  return text
    .replace(/['’]s$/, "")
    .replace(/^[^\p{L}]+|[^\p{L}\p{N}.]+$/gu, "")
    .replace(/\.$/, "");
}
