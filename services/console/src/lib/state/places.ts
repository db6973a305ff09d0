const PREFIX = "place:";
const MOST = 200;
/** What was hardly begun or nearly over begins anew. */
const FIRST_MS = 10_000;
const LAST_SHARE = 0.97;

interface Place {
  ms: number;
  at: number;
}

/** Where somebody stopped hearing, by episode; kept by this browser alone. */
export function rememberPlace(episode: string, ms: number, durationMs: number, now = Date.now()): void {
  try {
    const over = durationMs > 0 && ms > durationMs * LAST_SHARE;
    if (ms < FIRST_MS || over) localStorage.removeItem(PREFIX + episode);
    else localStorage.setItem(PREFIX + episode, JSON.stringify({ ms: Math.round(ms), at: now } satisfies Place));
    forgetOldest();
  } catch {
    // A browser that keeps nothing begins each time from the start.
  }
}

export function placeOf(episode: string): number | undefined {
  try {
    const held = JSON.parse(localStorage.getItem(PREFIX + episode) ?? "null") as Place | null;
    return typeof held?.ms === "number" ? held.ms : undefined;
  } catch {
    return undefined;
  }
}

function forgetOldest(): void {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  if (keys.length <= MOST) return;
  const at = (key: string) => (JSON.parse(localStorage.getItem(key) ?? "{}") as Partial<Place>).at ?? 0;
  for (const key of keys.sort((a, b) => at(a) - at(b)).slice(0, keys.length - MOST)) localStorage.removeItem(key);
}
