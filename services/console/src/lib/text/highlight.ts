/** A text in pieces, some of them marked. */
export interface Piece {
  text: string;
  marked: boolean;
}

/** Cuts a text at spans, which are counted in code points as all offsets of the API; overlapping ones are joined. */
export function pieces(text: string, spans: readonly (readonly number[])[]): Piece[] {
  const points = [...text];
  const out: Piece[] = [];
  let at = 0;
  const add = (to: number, marked: boolean) => {
    if (to > at) out.push({ text: points.slice(at, to).join(""), marked });
    at = Math.max(at, to);
  };
  const pairs = spans.map(([from = 0, to = 0]) => ({ from, to })).sort((a, b) => a.from - b.from);
  for (const { from, to } of pairs) {
    if (to <= at || from >= points.length) continue;
    add(Math.max(at, from), false);
    add(Math.min(points.length, to), true);
  }
  add(points.length, false);
  return out;
}
