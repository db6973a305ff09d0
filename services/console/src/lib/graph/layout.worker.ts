import { forceCenter, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";

/** Places the nodes of a graph; runs in a worker, so that the page stays free. */
export interface LayoutInput {
  nodes: { id: string; size: number; x?: number; y?: number }[];
  edges: { source: string; target: string }[];
}
export type LayoutOutput = [id: string, x: number, y: number][];

const TICKS = 220;

self.onmessage = ({ data }: MessageEvent<LayoutInput>) => {
  const nodes = data.nodes.map((node) => ({ ...node }));
  const edges = data.edges.map((edge) => ({ ...edge }));
  const simulation = forceSimulation(nodes as never[])
    .force(
      "link",
      forceLink(edges as never[])
        .id((node) => (node as unknown as { id: string }).id)
        .distance(80)
        .strength(0.25),
    )
    .force(
      "charge",
      forceManyBody()
        .strength(-160 - 8000 / nodes.length)
        .distanceMax(700),
    )
    .force("centre", forceCenter(0, 0))
    .force("x", forceX(0).strength(0.035))
    .force("y", forceY(0).strength(0.055))
    .force(
      "collide",
      forceCollide((node) => (node as unknown as { size: number }).size / 2 + 14),
    )
    .stop();
  simulation.tick(TICKS);
  const placed = nodes as { id: string; x: number; y: number }[];
  self.postMessage(placed.map(({ id, x, y }): LayoutOutput[number] => [id, x, y]));
};
