/** One token group that forms a word, milliseconds from the start of the decoded audio. */
export interface DecodedWord {
  startMs: number;
  endMs: number;
  text: string;
  /** Probability that the decoder gave it, 0–1. */
  p: number;
}

export interface DecodedSegment {
  startMs: number;
  endMs: number;
  text: string;
  words: DecodedWord[];
  logprob: number;
  noSpeech: number;
}

export interface DecodeOptions {
  /** Two letters, or "auto". */
  language: string;
  /** Text that stands before this audio: names and spelling, or what was just said. */
  prompt?: string | undefined;
  beam: number;
  temperature?: number;
  signal?: AbortSignal | undefined;
}

export interface Decoded {
  segments: DecodedSegment[];
  /** Two letters. */
  language: string;
}

/** A Whisper decoder with its model loaded. One request at a time. */
export interface SpeechEngine {
  /** What runs: "whisper.cpp 1.9.1 native" or the slower fallback. */
  readonly name: string;
  /** @param samples 16-bit mono at 16 kHz, at most 30 s. */
  decode(samples: Buffer, options: DecodeOptions): Promise<Decoded>;
  close(): Promise<void>;
}

/** A WAV file around raw 16-bit mono samples at 16 kHz. */
export function wavOf(samples: Buffer): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(16_000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
