import { rename, stat } from "node:fs/promises";
import { AppError, runProgram } from "@podcast/base";
import { SAMPLE_RATE } from "@podcast/models";

const HEADER_BYTES = 44;

export interface ProbedAudio {
  durationMs: number;
  codec: string;
}

/** Looks into a media file with ffprobe. Throws MEDIA_UNREADABLE where it has no audio that can be decoded. */
export async function probeAudio(path: string, signal?: AbortSignal): Promise<ProbedAudio> {
  let document: {
    format?: { duration?: string };
    streams?: { codec_type?: string; codec_name?: string; duration?: string }[];
  };
  try {
    const args = [
      "-v",
      "error",
      "-show_entries",
      "format=duration:stream=codec_type,codec_name,duration",
      "-of",
      "json",
      path,
    ];
    const { stdout } = await runProgram("ffprobe", args, { signal, timeoutMs: 120_000 });
    document = JSON.parse(stdout.toString("utf8"));
  } catch (error) {
    if (error instanceof AppError && error.code !== "PROGRAM_FAILED") throw error;
    throw new AppError("MEDIA_UNREADABLE", "The file holds no audio that ffmpeg can read.", { cause: error });
  }
  const stream = document.streams?.find((one) => one.codec_type === "audio");
  if (stream === undefined) throw new AppError("MEDIA_UNREADABLE", "The file has no audio track.");
  const seconds = Number(document.format?.duration ?? stream.duration ?? 0);
  return {
    durationMs: Number.isFinite(seconds) ? Math.round(seconds * 1000) : 0,
    codec: stream.codec_name ?? "unknown",
  };
}

/**
 * Decodes to 16 kHz mono 16-bit WAV. Nothing is cut, sped up or shifted: sample n is n/16000 s of the original.
 * Damaged parts are passed over; a file without one good frame throws MEDIA_UNREADABLE.
 */
export async function decodeToWav(
  input: string,
  output: string,
  options: { maxMs: number; signal?: AbortSignal | undefined },
): Promise<{ durationMs: number }> {
  const temporary = `${output}.part`;
  // `aresample=async=1` fills gaps in the time stamps, which would otherwise move all that follows forward.
  const filters = [
    "-vn",
    "-sn",
    "-dn",
    "-map",
    "0:a:0",
    "-ac",
    "1",
    "-ar",
    String(SAMPLE_RATE),
    "-af",
    "aresample=async=1:first_pts=0",
  ];
  const args = [
    "-v",
    "error",
    "-nostdin",
    "-y",
    "-i",
    input,
    ...filters,
    "-t",
    String(options.maxMs / 1000),
    "-c:a",
    "pcm_s16le",
    "-fflags",
    "+bitexact",
    "-f",
    "wav",
    temporary,
  ];
  try {
    await runProgram("ffmpeg", args, { signal: options.signal });
  } catch (error) {
    if (error instanceof AppError && error.code !== "PROGRAM_FAILED") throw error;
    const written = (await stat(temporary).catch(() => undefined))?.size ?? 0;
    if (written <= HEADER_BYTES)
      throw new AppError("MEDIA_UNREADABLE", "Not one second of the file could be decoded.", { cause: error });
  }
  const { size } = await stat(temporary);
  const durationMs = Math.floor(((size - HEADER_BYTES) / 2 / SAMPLE_RATE) * 1000);
  if (durationMs <= 0) throw new AppError("MEDIA_UNREADABLE", "The file decodes to no sound at all.");
  await rename(temporary, output);
  return { durationMs };
}
