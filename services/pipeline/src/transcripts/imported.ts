/** A published transcript, before it becomes an artifact. Times in milliseconds; absent where the format has none. */
export interface ImportedSegment {
  startMs?: number;
  endMs?: number;
  speaker?: string;
  text: string;
}

export interface ImportedTranscript {
  format: TranscriptFormat;
  language?: string;
  segments: ImportedSegment[];
}

/** Formats we read, richest first: what carries words, times and speakers comes before what loses some of them. */
export const TRANSCRIPT_FORMATS = ["json", "vtt", "srt", "html", "text"] as const;
export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

/** Format from MIME type and address, or undefined for what we do not read. */
export function transcriptFormat(type: string, url: string): TranscriptFormat | undefined {
  const mime = type.split(";")[0]?.trim() ?? "";
  if (/json/.test(mime)) return "json";
  if (mime === "text/vtt") return "vtt";
  if (/srt|subrip/.test(mime)) return "srt";
  if (mime === "text/html") return "html";
  const extension = /\.(json|vtt|srt|html?|txt)$/i.exec(new URL(url, "http://x").pathname)?.[1]?.toLowerCase();
  if (extension === "json" || extension === "vtt" || extension === "srt") return extension;
  if (extension?.startsWith("htm")) return "html";
  if (extension === "txt" || mime === "text/plain" || mime === "") return "text";
  return undefined;
}

/** "1:02:03.5", "02:03,500" or "62" as milliseconds; undefined for anything else. */
export function clock(text: string): number | undefined {
  const match = /^(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,3}))?$/.exec(text.trim());
  if (match) {
    const [, hours = "0", minutes = "0", seconds = "0", fraction = "0"] = match;
    return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, "0"));
  }
  const seconds = Number(text);
  return text.trim() !== "" && Number.isFinite(seconds) && seconds >= 0 ? Math.round(seconds * 1000) : undefined;
}

/** Space between words, nothing else: cues are joined without losing or gluing one. */
export function tidy(text: string): string {
  return text.replace(/[\s\u00a0\u200b\ufeff]+/g, " ").trim();
}
