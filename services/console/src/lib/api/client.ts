import createClient from "openapi-fetch";
import type { paths } from "./openapi.d.ts";
import { Problem } from "./problem.ts";

/** The API, typed by its own OpenAPI document. */
export const api = createClient<paths>({ baseUrl: "" });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws a {@link Problem}: the API's own, or UNREACHABLE where nothing answered. */
export async function ask<T>(answering: Promise<Answer<T>>): Promise<NonNullable<T>> {
  let answer: Answer<T>;
  try {
    answer = await answering;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw Problem.unreachable(cause);
  }
  if (answer.error !== undefined || !answer.response.ok) throw Problem.of(answer.response.status, answer.error);
  return answer.data as NonNullable<T>;
}

/** For routes of the contract that this version's API may not have yet: undefined where it has none. */
export async function askIfThere<T>(path: string, init: RequestInit = {}): Promise<T | undefined> {
  const response = await fetch(path, { ...init, headers: { accept: "application/json", ...init.headers } }).catch(
    (cause) => {
      throw Problem.unreachable(cause);
    },
  );
  if (response.ok) return response.status === 204 ? undefined : ((await response.json()) as T);
  if (response.status === 404 || response.status === 501) return undefined;
  throw Problem.of(response.status, await response.json().catch(() => undefined));
}

type Schema<P extends keyof paths, M extends "get" = "get"> = paths[P] extends {
  [K in M]: { responses: { 200: { content: { "application/json": infer T } } } };
}
  ? T
  : never;
type Item<T> = T extends { items: (infer I)[] } ? I : never;

export type Feed = Item<Schema<"/api/feeds">>;
export type Episode = Item<Schema<"/api/episodes">>;
export type Insight = Item<Schema<"/api/insights">>;
export type Facets = Schema<"/api/insights/facets">;
export type Transcript = Exclude<Schema<"/api/episodes/{key}/transcript">, string>;
export type Summary = Schema<"/api/episodes/{key}/summary">;
export type Stages = Schema<"/api/episodes/{key}/stages">;
export type SearchAnswer = Schema<"/api/search">;
/** The client gives pairs as plain arrays. */
export type Hit = Omit<SearchAnswer["hits"][number], "highlights"> & { highlights: number[][] };
export type Neighbourhood = Schema<"/api/graph">;
export type Status = Schema<"/api/status">;
export type Job = Item<Schema<"/api/jobs">>;
export type JobDetail = Schema<"/api/jobs/{id}">;
export type KeptDigest = Schema<"/api/digest/latest">;
export type Digest = KeptDigest["digest"];
export type DigestPreferences = Schema<"/api/digest/preferences">;
export type Bookmark = Item<Schema<"/api/bookmarks">>;
export type Note = Item<Schema<"/api/notes">>;
export type Queue = Item<Schema<"/api/admin/queues">>;
export type DeadLetter = Item<Schema<"/api/admin/queues/{queue}/dead">>;
export type Worker = Item<Schema<"/api/admin/workers">>;
export type Model = Item<Schema<"/api/admin/models">>;
export type Setting = Item<Schema<"/api/admin/config">>;
export type SettingChange = Item<Schema<"/api/admin/config/history">>;
export type LogLine = Item<Schema<"/api/admin/logs">>;
export type Health = Schema<"/api/health">;
export type ConsoleInfo = Schema<"/api/console">;
