/** A stretch of text, UTF-16 units. */
export interface Span {
  start: number;
  end: number;
}

const ABBREVIATION =
  /(?:^|[\s(“"'])(?:dr|mr|mrs|ms|prof|st|sr|jr|vs|etc|no|vol|fig|approx|gen|gov|sen|rep|capt|lt|col|inc|ltd|co|corp|dept|est|e\.g|i\.e|u\.s|u\.k|u\.n|a\.m|p\.m|[a-z])\.\s*$/iu;

const segmenters = new Map<string, Intl.Segmenter>();

function segmenterFor(language: string): Intl.Segmenter {
  let segmenter = segmenters.get(language);
  if (segmenter === undefined) {
    try {
      segmenter = new Intl.Segmenter(language === "auto" ? "en" : language, { granularity: "sentence" });
    } catch {
      segmenter = new Intl.Segmenter("en", { granularity: "sentence" });
    }
    segmenters.set(language, segmenter);
  }
  return segmenter;
}

/** Longest sentence that we keep whole; speech without punctuation is cut at commas, then at words. */
const MAX_UNITS = 420;

/**
 * Sentences of a text (Unicode TR 29), abbreviations and initials joined, white space at the rims left out, runaway
 * ones cut.
 */
export function sentences(text: string, language = "en"): Span[] {
  const spans: Span[] = [];
  for (const { segment, index } of segmenterFor(language).segment(text)) {
    const last = spans.at(-1);
    if (last !== undefined && ABBREVIATION.test(text.slice(last.start, last.end))) last.end = index + segment.length;
    else spans.push({ start: index, end: index + segment.length });
  }
  return spans.flatMap((span) => trimmed(text, span)).flatMap((span) => cutLong(text, span));
}

function trimmed(text: string, { start, end }: Span): Span[] {
  const raw = text.slice(start, end);
  const from = start + (raw.length - raw.trimStart().length);
  const to = start + raw.trimEnd().length;
  return to > from ? [{ start: from, end: to }] : [];
}

function cutLong(text: string, span: Span): Span[] {
  if (span.end - span.start <= MAX_UNITS) return [span];
  const window = text.slice(span.start, span.start + MAX_UNITS);
  const comma = Math.max(
    window.lastIndexOf(", "),
    window.lastIndexOf("; "),
    window.lastIndexOf("，"),
    window.lastIndexOf("、"),
  );
  const space = window.lastIndexOf(" ");
  let at = comma > MAX_UNITS / 3 ? comma + 1 : space > 0 ? space : MAX_UNITS;
  // Never between the two halves of a sign outside the basic plane.
  if (/[\uDC00-\uDFFF]/.test(text[span.start + at] ?? "")) at--;
  return [
    ...trimmed(text, { start: span.start, end: span.start + at }),
    ...trimmed(text, { start: span.start + at, end: span.end }).flatMap((rest) => cutLong(text, rest)),
  ];
}
