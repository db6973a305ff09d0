import { contentStems } from "../text/words.ts";

/** Where sentence vectors come from: the embedding model, or words alone where there is none. */
export type Vectorise = (texts: readonly string[]) => Promise<Float32Array[]>;

/** TF-IDF over the given texts as unit-length vectors: the tier without an embedding model. */
export function tfidf(texts: readonly string[]): Float32Array[] {
  const bags = texts.map(contentStems);
  const documents = new Map<string, number>();
  for (const bag of bags) for (const term of new Set(bag)) documents.set(term, (documents.get(term) ?? 0) + 1);
  const terms = [...documents].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 4000);
  const column = new Map(terms.map(([term], index) => [term, index]));
  const idf = terms.map(([, count]) => Math.log((texts.length + 1) / (count + 0.5)));
  return bags.map((bag) => {
    const vector = new Float32Array(terms.length);
    for (const term of bag) {
      const index = column.get(term);
      if (index !== undefined) vector[index] = (vector[index] as number) + (idf[index] as number);
    }
    return unit(vector);
  });
}

export function unit(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum) || 1;
  return vector.map((value) => value / length);
}

export function similarity(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
