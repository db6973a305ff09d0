import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { AppError } from "@podcast/base";

/**
 * Turns a CTranslate2 Whisper model into whisper.cpp's ggml file. Both hold the same weights; CTranslate2 stacks
 * query, key and value, drops the key's zero bias, and leaves out what can be computed (mel filters, the encoder's
 * sinusoid).
 */

interface Variable {
  shape: number[];
  type: number;
  data: Buffer;
}

const F32 = 0;
const F16 = 4;
const TEXT_TOKENS = 50_257;
const MELS = 80;
const FREQUENCIES = 201;
const AUDIO_CONTEXT = 1500;

export interface ConvertInput {
  /** Content of model.bin. */
  model: Buffer;
  /** Content of vocabulary.txt: one token a line, GPT-2's printable bytes. */
  vocabulary: string;
}

/** Writes the ggml file. Throws MODEL_UNREADABLE for anything that is not a float Whisper model of 80 mel bands. */
export async function convertToGgml(input: ConvertInput, output: string): Promise<void> {
  const weights = readVariables(input.model);
  const out = createWriteStream(output);
  const write = async (data: Buffer) => {
    if (!out.write(data)) await new Promise<void>((resolve) => out.once("drain", () => resolve()));
  };
  try {
    for (const block of header(weights, input.vocabulary)) await write(block);
    for (const { name, variable } of tensors(weights)) for (const block of tensor(name, variable)) await write(block);
  } finally {
    out.end();
    await finished(out);
  }
}

/** Reads a CTranslate2 folder as the converter wants it; `parts` are joined in order. */
export async function readCtranslate2(parts: readonly string[], vocabulary: string): Promise<ConvertInput> {
  return {
    model: Buffer.concat(await Promise.all(parts.map((part) => readFile(part)))),
    vocabulary: await readFile(vocabulary, "utf8"),
  };
}

function readVariables(file: Buffer): Map<string, Variable> {
  let at = 0;
  const u8 = () => file.readUInt8(at++);
  const u16 = () => {
    at += 2;
    return file.readUInt16LE(at - 2);
  };
  const u32 = () => {
    at += 4;
    return file.readUInt32LE(at - 4);
  };
  const text = () => {
    const length = u16();
    at += length;
    return file.toString("utf8", at - length, at - 1);
  };
  const variables = new Map<string, Variable>();
  try {
    const version = u32();
    const spec = text();
    if (version < 6 || spec !== "WhisperSpec")
      throw new Error(`it is ${spec || "something else"} of version ${version}`);
    u32();
    const count = u32();
    for (let i = 0; i < count; i++) {
      const name = text();
      const shape = Array.from({ length: u8() }, u32);
      const type = u8();
      const bytes = u32();
      if (at + bytes > file.length) throw new Error("it ends early");
      variables.set(name, { shape, type, data: file.subarray(at, at + bytes) });
      at += bytes;
    }
  } catch (error) {
    throw new AppError("MODEL_UNREADABLE", `This is no CTranslate2 Whisper model: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  return variables;
}

function need(weights: Map<string, Variable>, name: string): Variable {
  const found = weights.get(name);
  if (found === undefined || (found.type !== F16 && found.type !== F32)) {
    throw new AppError(
      "MODEL_UNREADABLE",
      `The CTranslate2 model has no float weights named ${name}; models quantised to int8 cannot be converted.`,
    );
  }
  return found;
}

function layers(weights: Map<string, Variable>, side: string): number {
  let count = 0;
  while (weights.has(`${side}/layer_${count}/ffn/linear_0/weight`)) count++;
  return count;
}

function* header(weights: Map<string, Variable>, vocabulary: string): Generator<Buffer> {
  const [vocab = 0, state = 0] = need(weights, "decoder/embeddings/weight").shape;
  const [context = 0] = need(weights, "decoder/position_encodings/encodings").shape;
  const mels = need(weights, "encoder/conv1/weight").shape[1];
  if (mels !== MELS)
    throw new AppError("MODEL_UNREADABLE", `Models of ${mels} mel bands cannot be converted, only of ${MELS}.`);
  const heads = state / 64;
  const numbers = [
    0x67676d6c,
    vocab,
    AUDIO_CONTEXT,
    state,
    heads,
    layers(weights, "encoder"),
    context,
    state,
    heads,
    layers(weights, "decoder"),
    MELS,
    1,
  ];
  yield Buffer.from(Int32Array.from(numbers).buffer);
  yield Buffer.from(Int32Array.from([MELS, FREQUENCIES]).buffer);
  yield Buffer.from(melFilters().buffer);
  yield Buffer.from(Int32Array.from([TEXT_TOKENS]).buffer);
  const tokens = vocabulary.split("\n");
  if (tokens.length < TEXT_TOKENS)
    throw new AppError("MODEL_UNREADABLE", `The vocabulary has ${tokens.length} tokens instead of ${TEXT_TOKENS}.`);
  const bytes = byteDecoder();
  for (let id = 0; id < TEXT_TOKENS; id++) {
    const raw = Buffer.from([...(tokens[id] as string)].map((sign) => bytes.get(sign) ?? 63));
    yield Buffer.from(Int32Array.from([raw.length]).buffer);
    yield raw;
  }
}

function* tensors(weights: Map<string, Variable>): Generator<{ name: string; variable: Variable }> {
  const plain = function* (from: string, to: string, vector = false): Generator<{ name: string; variable: Variable }> {
    const variable = need(weights, from);
    yield { name: to, variable: vector ? toF32(variable) : variable };
  };
  const linear = function* (from: string, to: string): Generator<{ name: string; variable: Variable }> {
    yield* plain(`${from}/weight`, `${to}.weight`);
    yield* plain(`${from}/bias`, `${to}.bias`, true);
  };
  const norm = function* (from: string, to: string): Generator<{ name: string; variable: Variable }> {
    yield* plain(`${from}/gamma`, `${to}.weight`, true);
    yield* plain(`${from}/beta`, `${to}.bias`, true);
  };
  const attention = function* (
    from: string,
    to: string,
    cross: boolean,
  ): Generator<{ name: string; variable: Variable }> {
    const names = cross ? [["query"], ["key", "value"]] : [["query", "key", "value"]];
    for (const [index, parts] of names.entries()) {
      for (const [part, name] of parts.entries()) {
        yield {
          name: `${to}.${name}.weight`,
          variable: rows(need(weights, `${from}/linear_${index}/weight`), part, parts.length),
        };
        if (name !== "key")
          yield {
            name: `${to}.${name}.bias`,
            variable: toF32(rows(need(weights, `${from}/linear_${index}/bias`), part, parts.length)),
          };
      }
    }
    yield* linear(`${from}/linear_${names.length}`, `${to}.out`);
  };
  const state = need(weights, "encoder/conv1/weight").shape[0] as number;
  const encodings = weights.get("encoder/position_encodings/encodings");
  yield {
    name: "encoder.positional_embedding",
    variable: encodings ? toF32(encodings) : sinusoid(AUDIO_CONTEXT, state),
  };
  for (const conv of ["conv1", "conv2"]) {
    yield* plain(`encoder/${conv}/weight`, `encoder.${conv}.weight`);
    const bias = toF32(need(weights, `encoder/${conv}/bias`));
    yield { name: `encoder.${conv}.bias`, variable: { ...bias, shape: [bias.shape[0] as number, 1] } };
  }
  yield* norm("encoder/layer_norm", "encoder.ln_post");
  yield* plain("decoder/embeddings/weight", "decoder.token_embedding.weight");
  yield* plain("decoder/position_encodings/encodings", "decoder.positional_embedding", true);
  yield* norm("decoder/layer_norm", "decoder.ln");
  for (const side of ["encoder", "decoder"]) {
    for (let layer = 0; layer < layers(weights, side); layer++) {
      const from = `${side}/layer_${layer}`;
      const to = `${side}.blocks.${layer}`;
      yield* norm(`${from}/self_attention/layer_norm`, `${to}.attn_ln`);
      yield* attention(`${from}/self_attention`, `${to}.attn`, false);
      if (side === "decoder") {
        yield* norm(`${from}/attention/layer_norm`, `${to}.cross_attn_ln`);
        yield* attention(`${from}/attention`, `${to}.cross_attn`, true);
      }
      yield* norm(`${from}/ffn/layer_norm`, `${to}.mlp_ln`);
      yield* linear(`${from}/ffn/linear_0`, `${to}.mlp.0`);
      yield* linear(`${from}/ffn/linear_1`, `${to}.mlp.2`);
    }
  }
}

function* tensor(name: string, { shape, type, data }: Variable): Generator<Buffer> {
  const label = Buffer.from(name);
  yield Buffer.from(
    Int32Array.from([shape.length, label.length, type === F16 ? 1 : 0, ...[...shape].reverse()]).buffer,
  );
  yield label;
  yield data;
}

/** Part `index` of `count` equal parts along the first axis. */
function rows({ shape, type, data }: Variable, index: number, count: number): Variable {
  const bytes = data.length / count;
  return {
    shape: [(shape[0] as number) / count, ...shape.slice(1)],
    type,
    data: data.subarray(index * bytes, (index + 1) * bytes),
  };
}

function toF32({ shape, type, data }: Variable): Variable {
  if (type === F32) return { shape, type, data };
  const halfs = new Float16Array(new Uint8Array(data).buffer);
  return { shape, type: F32, data: Buffer.from(Float32Array.from(halfs).buffer) };
}

function sinusoid(length: number, channels: number): Variable {
  const half = channels / 2;
  const values = new Float32Array(length * channels);
  for (let time = 0; time < length; time++) {
    for (let i = 0; i < half; i++) {
      const angle = time * Math.exp((-Math.log(10_000) / (half - 1)) * i);
      values[time * channels + i] = Math.sin(angle);
      values[time * channels + half + i] = Math.cos(angle);
    }
  }
  return { shape: [length, channels], type: F32, data: Buffer.from(values.buffer) };
}

/** Slaney-style mel filters for 16 kHz and a window of 400: what Whisper was trained with. */
export function melFilters(): Float32Array {
  const hertz = (mel: number) => (mel < 15 ? (200 / 3) * mel : 1000 * Math.exp((Math.log(6.4) / 27) * (mel - 15)));
  const mel = (hz: number) => (hz < 1000 ? hz / (200 / 3) : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4));
  const top = mel(8000);
  const edges = Array.from({ length: MELS + 2 }, (_, band) => hertz((top * band) / (MELS + 1)));
  const filters = new Float32Array(MELS * FREQUENCIES);
  for (let band = 0; band < MELS; band++) {
    const [low, centre, high] = edges.slice(band, band + 3) as [number, number, number];
    for (let bin = 0; bin < FREQUENCIES; bin++) {
      const hz = (8000 * bin) / (FREQUENCIES - 1);
      const weight = Math.max(0, Math.min((hz - low) / (centre - low), (high - hz) / (high - centre)));
      filters[band * FREQUENCIES + bin] = (weight * 2) / (high - low);
    }
  }
  return filters;
}

/** GPT-2 writes each byte as a printable sign; this maps back. */
function byteDecoder(): Map<string, number> {
  const map = new Map<string, number>();
  let extra = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(String.fromCodePoint(printable ? byte : extra++), byte);
  }
  return map;
}
