import BookOpen from "@lucide/svelte/icons/book-open";
import Bookmark from "@lucide/svelte/icons/bookmark";
import House from "@lucide/svelte/icons/house";
import Lightbulb from "@lucide/svelte/icons/lightbulb";
import List from "@lucide/svelte/icons/list";
import Rss from "@lucide/svelte/icons/rss";
import Search from "@lucide/svelte/icons/search";
import Waypoints from "@lucide/svelte/icons/waypoints";
import Wrench from "@lucide/svelte/icons/wrench";

export const LIBRARY = [
  { href: "/", label: "Home", icon: House },
  { href: "/search", label: "Search", icon: Search },
  { href: "/digest", label: "Digest", icon: BookOpen, platform: true },
  { href: "/episodes", label: "Episodes", icon: List },
  { href: "/feeds", label: "Feeds", icon: Rss },
  { href: "/insights", label: "Insights", icon: Lightbulb },
  { href: "/graph", label: "Graph", icon: Waypoints },
  { href: "/saved", label: "Saved", icon: Bookmark, platform: true },
] as const;

export const OPERATE = { href: "/operate", label: "Operate", icon: Wrench } as const;

export const OPERATE_PAGES = [
  { href: "/operate", label: "Overview" },
  { href: "/operate/jobs", label: "Jobs" },
  { href: "/operate/queues", label: "Queues" },
  { href: "/operate/workers", label: "Workers" },
  { href: "/operate/models", label: "Models" },
  { href: "/operate/config", label: "Settings" },
  { href: "/operate/logs", label: "Logs" },
  { href: "/operate/deploy", label: "Deploy" },
  { href: "/operate/backups", label: "Backups" },
  { href: "/operate/agent", label: "Agent" },
] as const;

/** Whether a page belongs under an entry. */
export function isUnder(path: string, href: string): boolean {
  return href === "/" ? path === "/" : path === href || path.startsWith(`${href}/`);
}
