import type { GraphFile } from "../store.ts";
import { CodePoints } from "../text.ts";

/**
 * The invariants of gi.json and kg.json that a JSON schema cannot say: edges end at nodes, ids are unique, an insight
 * is grounded exactly when a quote supports it, a quote is its slice of the transcript, times lie inside the episode.
 */
export function checkGraph(
  kind: "gi" | "kg",
  graph: GraphFile,
  text: string,
  durationMs: number | undefined,
): string[] {
  const problems: string[] = [];
  const ids = new Set<string>();
  for (const node of graph.nodes) {
    if (ids.has(node.id)) problems.push(`the id ${node.id} is used twice`);
    ids.add(node.id);
  }
  for (const edge of graph.edges) {
    for (const end of [edge.from, edge.to])
      if (!ids.has(end)) problems.push(`${edge.type} ends at ${end}, which is no node`);
  }
  if (kind === "kg") return problems;
  const supported = new Set(graph.edges.filter((edge) => edge.type === "SUPPORTED_BY").map((edge) => edge.from));
  const points = new CodePoints(text);
  for (const { id, type, properties } of graph.nodes) {
    if (type === "Insight" && properties.grounded !== supported.has(id))
      problems.push(`${id} says grounded=${properties.grounded}, its edges say otherwise`);
    if (type !== "Quote") continue;
    if (points.slice(Number(properties.char_start), Number(properties.char_end)) !== properties.text)
      problems.push(`${id} is not what the transcript says at its place`);
    const [start, end] = [Number(properties.timestamp_start_ms), Number(properties.timestamp_end_ms)];
    if (start > end || (durationMs !== undefined && end > durationMs))
      problems.push(`${id} has times outside the episode (${start}–${end} ms)`);
  }
  return problems;
}
