import type { Config } from "@podcast/base";
import type { FeedItem } from "./parse-feed.ts";

type Selection = Pick<
  Config,
  "select.since" | "select.until" | "select.order" | "select.offset" | "select.max" | "select.title"
>;

/** The items to process: filtered by date and title, ordered, then offset and maximum. */
export function selectEpisodes(items: readonly FeedItem[], selection: Selection, now = new Date()): FeedItem[] {
  const since = selection["select.since"] === undefined ? undefined : dateBound(selection["select.since"], now, false);
  const until = selection["select.until"] === undefined ? undefined : dateBound(selection["select.until"], now, true);
  const title = selection["select.title"] === undefined ? undefined : new RegExp(selection["select.title"], "iu");
  const direction = selection["select.order"] === "newest" ? -1 : 1;
  const kept = items.filter((item) => {
    if (title && !title.test(item.title)) return false;
    if (item.published === undefined) return since === undefined && until === undefined;
    return (since === undefined || item.published >= since) && (until === undefined || item.published <= until);
  });
  // Undated items keep the place that the feed gives them among each other, after the dated ones.
  const dated = kept.filter((item) => item.published !== undefined);
  const undated = kept.filter((item) => item.published === undefined);
  dated.sort((a, b) => direction * (a.published as string).localeCompare(b.published as string));
  const offset = selection["select.offset"];
  const most = selection["select.max"] ?? Number.POSITIVE_INFINITY;
  return [...dated, ...(direction < 0 ? undated : undated.reverse())].slice(offset, offset + most);
}

/** A date or an age ("7d", "2w", "12h") as ISO 8601; a bare day used as an upper bound means its end. */
export function dateBound(value: string, now: Date, upper: boolean): string {
  const age = /^(\d+)([hdw])$/.exec(value);
  if (age) {
    const hours = Number(age[1]) * { h: 1, d: 24, w: 168 }[age[2] as "h" | "d" | "w"];
    return new Date(now.getTime() - hours * 3_600_000).toISOString();
  }
  const time = new Date(value).toISOString();
  return upper && /^\d{4}-\d{2}-\d{2}$/.test(value) ? time.replace("T00:00:00.000Z", "T23:59:59.999Z") : time;
}
