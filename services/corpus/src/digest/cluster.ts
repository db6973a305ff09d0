import { exactSearch, MetricKind } from "usearch";

export interface ClusterOptions {
  /** Least cosine of two neighbours that belong together. */
  threshold?: number;
  /** Nearest neighbours that are looked at. */
  neighbours?: number;
  /** Least mean cosine of a member to its cluster's centre. */
  cohesion?: number;
}

/**
 * Groups vectors of unit length: each is joined with those of its nearest neighbours that see it as near, too; a group
 * keeps what is close to its centre. One exact look-up of neighbours for all and one pass over n·k pairs, not over
 * pairs of clusters: thousands of vectors take a second, not minutes.
 *
 * @returns Positions, in groups of at least two; the largest first.
 */
export function clusterVectors(vectors: readonly Float32Array[], options: ClusterOptions = {}): number[][] {
  const { threshold = 0.62, neighbours = 8, cohesion = 0.6 } = options;
  const dimensions = vectors[0]?.length ?? 0;
  if (vectors.length < 2 || dimensions === 0) return [];
  const all = new Float32Array(vectors.length * dimensions);
  for (const [position, vector] of vectors.entries()) all.set(vector, position * dimensions);
  const near: Map<number, number>[] = [];
  const k = Math.min(neighbours + 1, vectors.length);
  const found = exactSearch(all, all, dimensions, k, MetricKind.Cos, 1);
  for (let row = 0; row < vectors.length; row++) {
    const links = new Map<number, number>();
    for (let rank = 0; rank < k; rank++) {
      const other = Number(found.keys[row * k + rank]);
      const similarity = 1 - (found.distances[row * k + rank] as number);
      if (other !== row && similarity >= threshold) links.set(other, similarity);
    }
    near.push(links);
  }
  const parent = vectors.map((_, position) => position);
  const root = (position: number): number => {
    let at = position;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  for (const [row, links] of near.entries())
    for (const other of links.keys()) if (near[other]?.has(row)) parent[root(row)] = root(other);
  const groups = new Map<number, number[]>();
  for (let position = 0; position < vectors.length; position++)
    groups.set(root(position), [...(groups.get(root(position)) ?? []), position]);
  return [...groups.values()]
    .map((members) => cohesive(members, vectors, cohesion))
    .filter((members) => members.length > 1)
    .sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
}

function cohesive(members: readonly number[], vectors: readonly Float32Array[], least: number): number[] {
  if (members.length < 2) return [...members];
  const dimensions = (vectors[0] as Float32Array).length;
  const centre = new Float32Array(dimensions);
  for (const member of members)
    for (let i = 0; i < dimensions; i++)
      centre[i] = (centre[i] as number) + ((vectors[member] as Float32Array)[i] as number);
  const length = Math.hypot(...centre) || 1;
  return members.filter((member) => {
    let product = 0;
    for (let i = 0; i < dimensions; i++)
      product += ((vectors[member] as Float32Array)[i] as number) * (centre[i] as number);
    return product / length >= least;
  });
}
