export interface Alignment {
  substitutions: number;
  deletions: number;
  insertions: number;
  /** Words of the reference. */
  words: number;
  /** For each word of the hypothesis the position of the reference word that it stands for, or -1. */
  pairs: Int32Array;
}

/** Word alignment with the fewest edits (Levenshtein); quadratic in memory of one byte a cell. */
export function align(reference: readonly string[], hypothesis: readonly string[]): Alignment {
  const [n, m] = [reference.length, hypothesis.length];
  const moves = new Uint8Array((n + 1) * (m + 1));
  let above = Uint32Array.from({ length: m + 1 }, (_, j) => j);
  for (let j = 1; j <= m; j++) moves[j] = 2;
  for (let i = 1; i <= n; i++) {
    const row = new Uint32Array(m + 1);
    row[0] = i;
    moves[i * (m + 1)] = 1;
    for (let j = 1; j <= m; j++) {
      const diagonal = (above[j - 1] as number) + (reference[i - 1] === hypothesis[j - 1] ? 0 : 1);
      const up = (above[j] as number) + 1;
      const left = (row[j - 1] as number) + 1;
      const best = Math.min(diagonal, up, left);
      row[j] = best;
      moves[i * (m + 1) + j] = best === diagonal ? 0 : best === up ? 1 : 2;
    }
    above = row;
  }
  const result: Alignment = {
    substitutions: 0,
    deletions: 0,
    insertions: 0,
    words: n,
    pairs: new Int32Array(m).fill(-1),
  };
  let [i, j] = [n, m];
  while (i > 0 || j > 0) {
    const move = moves[i * (m + 1) + j];
    if (move === 0) {
      i--;
      j--;
      result.pairs[j] = i;
      if (reference[i] !== hypothesis[j]) result.substitutions++;
    } else if (move === 1) {
      i--;
      result.deletions++;
    } else {
      j--;
      result.insertions++;
    }
  }
  return result;
}

export function wordErrorRate(alignment: Alignment): number {
  return (alignment.substitutions + alignment.deletions + alignment.insertions) / Math.max(1, alignment.words);
}

/** ROUGE-L F1 over stemmed words: longest common subsequence (Lin, 2004). */
export function rougeL(reference: readonly string[], hypothesis: readonly string[]): number {
  let row = new Uint32Array(hypothesis.length + 1);
  for (const word of reference) {
    const next = new Uint32Array(hypothesis.length + 1);
    for (let j = 1; j <= hypothesis.length; j++) {
      next[j] =
        word === hypothesis[j - 1] ? (row[j - 1] as number) + 1 : Math.max(row[j] as number, next[j - 1] as number);
    }
    row = next;
  }
  const common = row[hypothesis.length] as number;
  if (common === 0) return 0;
  const precision = common / hypothesis.length;
  const recall = common / reference.length;
  return (2 * precision * recall) / (precision + recall);
}
