import type { RunEvent } from "@podcast/pipeline";
import { createLogUpdate } from "log-update";

export interface Panel {
  show(event: RunEvent): void;
  close(): void;
}

/** Progress of a run for people: a live line on a terminal, one line an event elsewhere. Always on stderr. */
export function runPanel(options: { interactive: boolean; silent: boolean }): Panel {
  if (options.silent) return { show: () => {}, close: () => {} };
  return options.interactive ? livePanel() : plainPanel();
}

function plainPanel(): Panel {
  let lastModel = "";
  return {
    show(event) {
      const line = lineOf(event);
      if (line === undefined) return;
      if (event.type === "model") {
        const key = line.replace(/\d+ %$/, "");
        if (key === lastModel) return;
        lastModel = key;
      }
      process.stderr.write(`${line}\n`);
    },
    close() {},
  };
}

function livePanel(): Panel {
  const live = createLogUpdate(process.stderr);
  let episode = "";
  let detail = "";
  let at = performance.now();
  const draw = () => live(`${episode}\n  ${detail} ${((performance.now() - at) / 1000).toFixed(0)} s`);
  const timer = setInterval(() => episode !== "" && draw(), 500);
  timer.unref();
  return {
    show(event) {
      if (event.type === "stage_progress") {
        detail = `${event.stage} ${bar(event.share)}`;
        return draw();
      }
      if (event.type === "stage_started") {
        at = performance.now();
        detail = event.stage;
        return draw();
      }
      if (event.type === "model") {
        detail = event.message;
        return draw();
      }
      if (event.type === "episode_started") {
        episode = `[${event.index}/${event.total}] ${event.title}`;
        detail = "";
        return draw();
      }
      const line = event.type === "stage_finished" ? undefined : lineOf(event);
      if (line !== undefined) {
        live.clear();
        process.stderr.write(`${line}\n`);
      }
    },
    close() {
      clearInterval(timer);
      live.clear();
      live.done();
    },
  };
}

function bar(share: number): string {
  const filled = Math.round(share * 20);
  return `${"█".repeat(filled)}${"░".repeat(20 - filled)} ${Math.round(share * 100)} %`;
}

function lineOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case "feed_read":
      return `feed  ${event.title}: ${event.episodes} episode(s)`;
    case "feed_failed":
      return `feed  ${event.url} failed: ${event.message} [${event.code}]`;
    case "episode_started":
      return `[${event.index}/${event.total}] ${event.title}`;
    case "stage_finished":
      return `        ${event.stage} ${event.state} ${event.seconds.toFixed(1)} s${event.flags.length > 0 ? ` (${event.flags.join(", ")})` : ""}`;
    case "episode_finished": {
      const { outcome } = event;
      if (outcome.state === "failed")
        return `  ✗ ${event.title}: ${outcome.error?.message} [${outcome.error?.code} in ${outcome.error?.stage}]`;
      return outcome.state === "unchanged" ? `  = ${event.title}: unchanged` : `  ✓ ${event.title}`;
    }
    case "model":
      return `model ${event.message}`;
    case "index_updated":
      return `index ${event.episodes} episode(s), ${event.chunks} chunks`;
    default:
      return undefined;
  }
}
