import { type LiveEvent, live } from "#lib/state/live.svelte.ts";

/** Calls `listener` for each event while the component is there. */
export function onLive(listener: (event: LiveEvent) => void): void {
  $effect(() => live.listen(listener));
}
