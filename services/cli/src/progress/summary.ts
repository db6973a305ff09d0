import type { RunResult } from "@podcast/pipeline";

/** The end of a run in a few lines: what was done, what failed and why. */
export function summaryText(result: RunResult, corpus: string): string {
  const { processed, unchanged, failed, feedsFailed } = result.counts;
  const lines = [
    `${processed} processed, ${unchanged} unchanged, ${failed} failed in ${result.seconds.toFixed(1)} s${feedsFailed > 0 ? `; ${feedsFailed} feed(s) failed` : ""}${result.costUsd > 0 ? `; $${result.costUsd.toFixed(4)}` : ""}`,
  ];
  for (const feed of result.feeds) {
    if (feed.error)
      lines.push(
        `  ✗ ${feed.url}: ${feed.error.message} [${feed.error.code}]${feed.error.hint ? `\n    → ${feed.error.hint}` : ""}`,
      );
  }
  const hints = new Set<string>();
  for (const episode of result.episodes) {
    if (!episode.error) continue;
    lines.push(
      `  ✗ ${episode.title}: ${episode.error.message.split("\n")[0]} [${episode.error.code} in ${episode.error.stage}]`,
    );
    if (episode.error.hint) hints.add(episode.error.hint);
  }
  for (const hint of hints) lines.push(`    → ${hint}`);
  if (result.index)
    lines.push(
      `index: ${result.index.episodes} episode(s), ${result.index.chunks} chunks, ${result.index.semantic ? "words and meaning" : "words only (no embedding model)"}`,
    );
  lines.push(`corpus: ${corpus} (run ${result.runId})`);
  return lines.join("\n");
}
