/**
 * Which of the local voices of many windows are one person.
 *
 * Average-link agglomeration over cosine similarity, with two kinds of evidence that a fixed threshold lacks:
 *  - two voices that the segmentation heard apart inside one window are two people (conflict);
 *  - the recording says itself how alike one voice is to itself: the similarity of each item to its nearest
 *    neighbours elsewhere in the recording sets where merging stops.
 */

export interface VoiceItem {
  /** Window that the voice was heard in. */
  window: number;
  /** Local speaker within that window. */
  local: number;
  /** Seconds in which this voice alone is heard. */
  seconds: number;
  /** Unit-length speaker embedding. */
  embedding: Float32Array;
}

export interface ClusterOptions {
  /** Items with less speech than this do not shape clusters, they are only assigned. Seconds. */
  minSeconds: number;
  /** Windows this far apart share no audio. Windows. */
  independentWindows: number;
  /** A known number of speakers, when somebody says so. */
  speakers?: number | undefined;
}

export interface VoiceClusters {
  /** Cluster of each item, in the order of the input. */
  labels: number[];
  /** Unit-length mean embedding of each cluster. */
  centroids: Float32Array[];
  /** Similarity at which merging stopped. */
  threshold: number;
}

const CONFLICT_WEIGHT = 0.3;
const THRESHOLD_FLOOR = 0.5;
const THRESHOLD_CEILING = 0.72;
/** How far below its own nearest-neighbour similarity one voice may scatter. */
const SCATTER = 0.2;
/** Above this many items, blocks are clustered first and their centroids after: memory is quadratic. */
const BLOCK = 2400;

export function clusterVoices(items: readonly VoiceItem[], options: ClusterOptions): VoiceClusters {
  const anchors = pickAnchors(items, options.minSeconds);
  if (anchors.length === 0) return { labels: items.map(() => 0), centroids: [], threshold: THRESHOLD_CEILING };
  const threshold = mergeThreshold(anchors.slice(0, BLOCK), options.independentWindows);
  const groups = agglomerate(anchors, threshold, options.speakers);
  const kept = dropStray(groups, options.speakers);
  const centroids = kept.map(centroid);
  return { labels: assign(items, kept, centroids), centroids, threshold };
}

function pickAnchors(items: readonly VoiceItem[], minSeconds: number): VoiceItem[] {
  const long = items.filter((item) => item.seconds >= minSeconds);
  if (long.length > 0) return long;
  return [...items].sort((a, b) => b.seconds - a.seconds).slice(0, 1);
}

function mergeThreshold(items: readonly VoiceItem[], independentWindows: number): number {
  const nearest: number[] = [];
  for (const item of items) {
    let best = -1;
    for (const other of items) {
      if (Math.abs(other.window - item.window) < independentWindows) continue;
      best = Math.max(best, dot(item.embedding, other.embedding));
    }
    if (best > -1) nearest.push(best);
  }
  if (nearest.length < 4) return (THRESHOLD_FLOOR + THRESHOLD_CEILING) / 2;
  nearest.sort((a, b) => a - b);
  const typical = nearest[nearest.length >> 1] as number;
  return Math.min(THRESHOLD_CEILING, Math.max(THRESHOLD_FLOOR, typical - SCATTER));
}

function agglomerate(items: readonly VoiceItem[], threshold: number, speakers: number | undefined): VoiceItem[][] {
  if (items.length <= BLOCK) {
    return mergeGroups(
      items.map((item) => [item]),
      threshold,
      speakers,
    );
  }
  const partial: VoiceItem[][] = [];
  for (let from = 0; from < items.length; from += BLOCK) {
    partial.push(
      ...mergeGroups(
        items.slice(from, from + BLOCK).map((item) => [item]),
        threshold,
        undefined,
      ),
    );
  }
  return mergeGroups(partial, threshold, speakers);
}

/** Average linkage by Lance–Williams with a cached nearest neighbour a row: quadratic in the common case. */
function mergeGroups(start: VoiceItem[][], threshold: number, speakers: number | undefined): VoiceItem[][] {
  const n = start.length;
  const groups: (VoiceItem[] | undefined)[] = start.map((group) => [...group]);
  const windows = start.map((group) => new Set(group.map((item) => item.window)));
  const mean = start.map(centroidSum);
  const similarity = new Float32Array(n * n);
  const conflicts = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const s = dot(mean[i] as Float32Array, mean[j] as Float32Array);
      const c = shared(windows[i] as Set<number>, windows[j] as Set<number>);
      similarity[i * n + j] = s;
      similarity[j * n + i] = s;
      conflicts[i * n + j] = c;
      conflicts[j * n + i] = c;
    }
  }
  const count = start.map((group) => group.length);
  const score = (i: number, j: number) => {
    const fewer = Math.min((windows[i] as Set<number>).size, (windows[j] as Set<number>).size);
    return (similarity[i * n + j] as number) - (CONFLICT_WEIGHT * (conflicts[i * n + j] as number)) / fewer;
  };
  const nearest = new Int32Array(n).fill(-1);
  const refresh = (i: number) => {
    let best = -1;
    for (let j = 0; j < n; j++) {
      if (j !== i && groups[j] && (best < 0 || score(i, j) > score(i, best))) best = j;
    }
    nearest[i] = best;
  };
  for (let i = 0; i < n; i++) refresh(i);
  let left = n;
  while (left > 1) {
    let a = -1;
    for (let i = 0; i < n; i++) {
      if (groups[i] && (a < 0 || score(i, nearest[i] as number) > score(a, nearest[a] as number))) a = i;
    }
    const b = nearest[a] as number;
    const enough = speakers === undefined ? score(a, b) < threshold : left <= speakers;
    if (enough) break;
    const wa = count[a] as number;
    const wb = count[b] as number;
    for (let j = 0; j < n; j++) {
      if (j === a || j === b || !groups[j]) continue;
      const s = ((similarity[a * n + j] as number) * wa + (similarity[b * n + j] as number) * wb) / (wa + wb);
      similarity[a * n + j] = s;
      similarity[j * n + a] = s;
      const c = (conflicts[a * n + j] as number) + (conflicts[b * n + j] as number);
      conflicts[a * n + j] = c;
      conflicts[j * n + a] = c;
    }
    (groups[a] as VoiceItem[]).push(...(groups[b] as VoiceItem[]));
    for (const window of windows[b] as Set<number>) (windows[a] as Set<number>).add(window);
    count[a] = wa + wb;
    groups[b] = undefined;
    left--;
    for (let i = 0; i < n; i++) {
      if (!groups[i]) continue;
      if (i === a || nearest[i] === a || nearest[i] === b) refresh(i);
      else if (score(i, a) > score(i, nearest[i] as number)) nearest[i] = a;
    }
  }
  return groups.filter((group) => group !== undefined);
}

/** A voice that one window alone reports is a slip of the segmentation, unless windows are all there is. */
function dropStray(groups: VoiceItem[][], speakers: number | undefined): VoiceItem[][] {
  const total = new Set(groups.flat().map((item) => item.window)).size;
  if (speakers !== undefined || total < 4) return groups;
  const kept = groups.filter((group) => group.length >= 2 || (group[0]?.seconds ?? 0) >= 4);
  return kept.length > 0 ? kept : groups;
}

/** Anchors keep their cluster; the rest go to the nearest centroid that no clearer voice of the window holds. */
function assign(items: readonly VoiceItem[], groups: VoiceItem[][], centroids: Float32Array[]): number[] {
  const owner = new Map<VoiceItem, number>();
  for (const [label, group] of groups.entries()) for (const item of group) owner.set(item, label);
  const taken = new Map<number, Set<number>>();
  const take = (item: VoiceItem, label: number) => {
    owner.set(item, label);
    const set = taken.get(item.window) ?? new Set();
    taken.set(item.window, set.add(label));
  };
  for (const [item, label] of owner) take(item, label);
  const rest = items.filter((item) => !owner.has(item)).sort((a, b) => b.seconds - a.seconds);
  for (const item of rest) {
    const busy = taken.get(item.window) ?? new Set();
    const ranked = centroids
      .map((centre, label) => ({ label, similarity: dot(centre, item.embedding) }))
      .sort((a, b) => b.similarity - a.similarity);
    take(item, (ranked.find(({ label }) => !busy.has(label)) ?? ranked[0])?.label ?? 0);
  }
  return items.map((item) => owner.get(item) ?? 0);
}

function shared(a: Set<number>, b: Set<number>): number {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  let count = 0;
  for (const window of small) if (large.has(window)) count++;
  return count;
}

/** Mean of the members without normalisation: dot products of two such means are the average linkage. */
function centroidSum(group: readonly VoiceItem[]): Float32Array {
  const sum = new Float32Array(group[0]?.embedding.length ?? 0);
  for (const { embedding } of group) {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (embedding[i] as number) / group.length;
  }
  return sum;
}

function centroid(group: readonly VoiceItem[]): Float32Array {
  const sum = new Float32Array(group[0]?.embedding.length ?? 0);
  for (const { embedding, seconds } of group) {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (embedding[i] as number) * seconds;
  }
  return normalise(sum);
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

export function normalise(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector)) || 1;
  return vector.map((value) => value / length);
}
