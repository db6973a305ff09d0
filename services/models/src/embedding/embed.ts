import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import type { InferenceSession } from "onnxruntime-node";
import ort from "onnxruntime-node";

/** Tokens that the sentence model reads; the rest of a longer text is not seen. */
const MAX_TOKENS = 256;
const BATCH = 16;

/** Sentence embeddings with a BERT-like ONNX model: mean pooling over the last hidden state, unit length. */
export class EmbeddingModel {
  readonly #session: InferenceSession;
  readonly #tokenizer: Tokenizer;

  private constructor(session: InferenceSession, tokenizer: Tokenizer) {
    this.#session = session;
    this.#tokenizer = tokenizer;
  }

  /** @param folder Holds model.onnx, tokenizer.json and tokenizer_config.json. */
  static async load(folder: string, threads: number): Promise<EmbeddingModel> {
    const json = async (name: string) => JSON.parse(await readFile(join(folder, name), "utf8"));
    const session = await ort.InferenceSession.create(join(folder, "model.onnx"), {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
    return new EmbeddingModel(
      session,
      new Tokenizer(await json("tokenizer.json"), await json("tokenizer_config.json")),
    );
  }

  /** One vector a text. Texts of like length share a batch, so that little is padding. */
  async embed(texts: readonly string[], onProgress: (share: number) => void = () => {}): Promise<Float32Array[]> {
    const encoded = texts.map((text, position) => ({ position, ids: this.#encode(text) }));
    encoded.sort((a, b) => a.ids.length - b.ids.length || a.position - b.position);
    const result: Float32Array[] = new Array(texts.length);
    for (let from = 0; from < encoded.length; from += BATCH) {
      const batch = encoded.slice(from, from + BATCH);
      const vectors = await this.#run(batch.map((one) => one.ids));
      for (const [row, { position }] of batch.entries()) result[position] = vectors[row] as Float32Array;
      onProgress((from + batch.length) / encoded.length);
    }
    return result;
  }

  #encode(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text.slice(0, 8000));
    return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ids.at(-1) as number];
  }

  async #run(rows: number[][]): Promise<Float32Array[]> {
    const width = Math.max(...rows.map((row) => row.length));
    const ids = new BigInt64Array(rows.length * width);
    const mask = new BigInt64Array(rows.length * width);
    for (const [r, row] of rows.entries()) {
      for (const [c, id] of row.entries()) {
        ids[r * width + c] = BigInt(id);
        mask[r * width + c] = 1n;
      }
    }
    const shape = [rows.length, width];
    const output = await this.#session.run({
      input_ids: new ort.Tensor("int64", ids, shape),
      attention_mask: new ort.Tensor("int64", mask, shape),
      token_type_ids: new ort.Tensor("int64", new BigInt64Array(rows.length * width), shape),
    });
    const hidden = output.last_hidden_state;
    const size = hidden?.dims[2] ?? 0;
    return rows.map((row, r) => pool(hidden?.data as Float32Array, r * width * size, row.length, size));
  }
}

/** Mean over the tokens, then unit length. */
function pool(data: Float32Array, offset: number, tokens: number, size: number): Float32Array {
  const sum = new Float32Array(size);
  for (let token = 0; token < tokens; token++) {
    for (let d = 0; d < size; d++) sum[d] = (sum[d] as number) + (data[offset + token * size + d] as number);
  }
  const length = Math.hypot(...sum) || 1;
  return sum.map((value) => value / length);
}
