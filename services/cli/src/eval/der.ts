/** One stretch of speech of one voice; seconds. */
export interface Turn {
  start: number;
  end: number;
  speaker: string;
}

export interface DiarizationError {
  /** Seconds of reference speech, overlap counted once a speaker. */
  reference: number;
  missed: number;
  falseAlarm: number;
  confusion: number;
  /** (missed + falseAlarm + confusion) / reference. */
  rate: number;
}

/** Reads NIST RTTM: `SPEAKER file channel onset duration <NA> <NA> name …`. */
export function parseRttm(text: string): Turn[] {
  return text.split("\n").flatMap((line) => {
    const field = line.trim().split(/\s+/);
    if (field[0] !== "SPEAKER") return [];
    const start = Number(field[3]);
    return [{ start, end: start + Number(field[4]), speaker: field[7] ?? "?" }];
  });
}

/**
 * Diarization error rate after NIST RT: no collar, overlap scored, the best one-to-one mapping of voices.
 * Exact: the timeline is cut at every boundary, no frames.
 */
export function diarizationError(reference: readonly Turn[], hypothesis: readonly Turn[]): DiarizationError {
  const cuts = [...new Set([...reference, ...hypothesis].flatMap((turn) => [turn.start, turn.end]))].sort(
    (a, b) => a - b,
  );
  const refNames = [...new Set(reference.map((turn) => turn.speaker))];
  const hypNames = [...new Set(hypothesis.map((turn) => turn.speaker))];
  const shared = refNames.map(() => hypNames.map(() => 0));
  const slices: { length: number; ref: Set<number>; hyp: Set<number> }[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const from = cuts[i] as number;
    const to = cuts[i + 1] as number;
    const active = (turns: readonly Turn[], names: string[]) =>
      new Set(turns.filter((turn) => turn.start <= from && turn.end >= to).map((turn) => names.indexOf(turn.speaker)));
    const slice = { length: to - from, ref: active(reference, refNames), hyp: active(hypothesis, hypNames) };
    slices.push(slice);
    for (const r of slice.ref) {
      for (const h of slice.hyp) {
        const row = shared[r] as number[];
        row[h] = (row[h] ?? 0) + slice.length;
      }
    }
  }
  const mapping = bestMapping(shared, hypNames.length);
  const result = { reference: 0, missed: 0, falseAlarm: 0, confusion: 0, rate: 0 };
  for (const { length, ref, hyp } of slices) {
    let correct = 0;
    for (const r of ref) if (hyp.has(mapping[r] ?? -1)) correct++;
    result.reference += length * ref.size;
    result.missed += length * Math.max(0, ref.size - hyp.size);
    result.falseAlarm += length * Math.max(0, hyp.size - ref.size);
    result.confusion += length * (Math.min(ref.size, hyp.size) - correct);
  }
  result.rate = result.reference === 0 ? 0 : (result.missed + result.falseAlarm + result.confusion) / result.reference;
  return result;
}

/** Assignment that maximises the total, row → column or -1 (Hungarian algorithm, O(n³)). */
function bestMapping(gain: readonly (readonly number[])[], columns: number): number[] {
  const n = Math.max(gain.length, columns);
  const cost = (i: number, j: number) => -(gain[i]?.[j] ?? 0);
  const u = new Array<number>(n + 1).fill(0);
  const v = new Array<number>(n + 1).fill(0);
  const match = new Array<number>(n + 1).fill(0);
  for (let i = 1; i <= n; i++) {
    const way = new Array<number>(n + 1).fill(0);
    const least = new Array<number>(n + 1).fill(Number.POSITIVE_INFINITY);
    const used = new Array<boolean>(n + 1).fill(false);
    match[0] = i;
    let j0 = 0;
    do {
      used[j0] = true;
      const i0 = match[j0] as number;
      let delta = Number.POSITIVE_INFINITY;
      let j1 = 0;
      for (let j = 1; j <= n; j++) {
        if (used[j]) continue;
        const reduced = cost(i0 - 1, j - 1) - (u[i0] as number) - (v[j] as number);
        if (reduced < (least[j] as number)) {
          least[j] = reduced;
          way[j] = j0;
        }
        if ((least[j] as number) < delta) {
          delta = least[j] as number;
          j1 = j;
        }
      }
      for (let j = 0; j <= n; j++) {
        if (used[j]) {
          u[match[j] as number] = (u[match[j] as number] as number) + delta;
          v[j] = (v[j] as number) - delta;
        } else {
          least[j] = (least[j] as number) - delta;
        }
      }
      j0 = j1;
    } while (match[j0] !== 0);
    do {
      const j1 = way[j0] as number;
      match[j0] = match[j1] as number;
      j0 = j1;
    } while (j0 !== 0);
  }
  const mapping = new Array<number>(gain.length).fill(-1);
  for (let j = 1; j <= n; j++) {
    const i = (match[j] as number) - 1;
    if (i >= 0 && i < gain.length && j <= columns) mapping[i] = j - 1;
  }
  return mapping;
}
