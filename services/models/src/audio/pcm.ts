import { open } from "node:fs/promises";
import { AppError } from "@podcast/base";

/** Sample rate of everything that models hear. */
export const SAMPLE_RATE = 16_000;

/** A decoded WAV file, read in parts: twelve hours are 1.4 GB. */
export class Pcm {
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #dataOffset: number;
  /** Samples in the file. */
  readonly samples: number;

  private constructor(handle: Awaited<ReturnType<typeof open>>, dataOffset: number, samples: number) {
    this.#handle = handle;
    this.#dataOffset = dataOffset;
    this.samples = samples;
  }

  static async open(path: string): Promise<Pcm> {
    const handle = await open(path);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    const at = buffer.subarray(0, bytesRead).indexOf("data", 12, "latin1");
    if (at < 0) {
      await handle.close();
      throw new AppError("MEDIA_UNREADABLE", `${path} is not a WAV file.`);
    }
    const { size } = await handle.stat();
    return new Pcm(handle, at + 8, (size - at - 8) >> 1);
  }

  get durationMs(): number {
    return (this.samples / SAMPLE_RATE) * 1000;
  }

  /** Raw 16-bit samples from `start` (inclusive) to `end`, clipped to the file. */
  async raw(start: number, end: number): Promise<Buffer> {
    const from = Math.max(0, Math.min(start, this.samples));
    const length = Math.max(0, Math.min(end, this.samples) - from) * 2;
    const buffer = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await this.#handle.read(buffer, read, length - read, this.#dataOffset + from * 2 + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return buffer;
  }

  /** Samples between -1 and 1. */
  async read(start: number, end: number): Promise<Float32Array> {
    const raw = await this.raw(start, end);
    const ints = new Int16Array(raw.buffer, raw.byteOffset, raw.length >> 1);
    return Float32Array.from(ints, (value) => value / 32_768);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
