/** Offsets count Unicode code points; JavaScript strings count UTF-16 units. This is the bridge. */
export class CodePoints {
  readonly text: string;
  /** UTF-16 index of each code point, and the length at the end; undefined where both counts agree. */
  readonly #units: Uint32Array | undefined;
  readonly length: number;

  constructor(text: string) {
    this.text = text;
    if (!/[\u{10000}-\u{10FFFF}]/u.test(text)) {
      this.length = text.length;
      return;
    }
    const units: number[] = [];
    for (let index = 0; index < text.length; index += (text.codePointAt(index) as number) > 0xffff ? 2 : 1)
      units.push(index);
    units.push(text.length);
    this.#units = Uint32Array.from(units);
    this.length = units.length - 1;
  }

  /** The text from code point `start` up to `end`. */
  slice(start: number, end?: number): string {
    return this.text.slice(this.toUnit(start), this.toUnit(end ?? this.length));
  }

  /** UTF-16 index of a code point. */
  toUnit(point: number): number {
    return this.#units === undefined ? point : (this.#units[Math.min(point, this.length)] as number);
  }

  /** Code point at or before a UTF-16 index. */
  toPoint(unit: number): number {
    if (this.#units === undefined) return unit;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#units[middle] as number) <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Number of code points of a text. */
export function pointCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
