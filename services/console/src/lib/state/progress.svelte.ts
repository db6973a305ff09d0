import { SvelteMap } from "svelte/reactivity";
import { onLive } from "./on-live.svelte.ts";

export interface Progress {
  stage: string | null;
  share: number;
}

/** How far each running job is, by live events, while the component is there. */
export function jobProgress(): SvelteMap<string, Progress> {
  const progress = new SvelteMap<string, Progress>();
  onLive((event) => {
    if (!event.job) return;
    if (event.kind === "progress") progress.set(event.job, { stage: event.stage ?? null, share: event.progress ?? 0 });
    else if (event.kind === "job" && event.to !== "running") progress.delete(event.job);
  });
  return progress;
}

/** How far each episode is, by live events, while the component is there. */
export function episodeProgress(): SvelteMap<string, Progress> {
  const progress = new SvelteMap<string, Progress>();
  onLive((event) => {
    if (!event.episode) return;
    if (event.kind === "progress")
      progress.set(event.episode, { stage: event.stage ?? null, share: event.progress ?? 0 });
    else if (event.kind === "stage") progress.set(event.episode, { stage: event.stage ?? null, share: 0 });
    else if (event.kind === "episode" && event.to !== "processing") progress.delete(event.episode);
  });
  return progress;
}
