import { AppError } from "@podcast/base";
import { Parser } from "htmlparser2";
import { plainText } from "../text/html.ts";
import { clock, type ImportedSegment, type ImportedTranscript, type TranscriptFormat, tidy } from "./imported.ts";
import { splitSpeakerPrefixes } from "./speaker-prefix.ts";

/** Reads a published transcript without loss. Throws TRANSCRIPT_UNREADABLE when nothing in it can be read. */
export function importTranscript(text: string, format: TranscriptFormat): ImportedTranscript {
  const body = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  let result: Omit<ImportedTranscript, "format">;
  try {
    result = READERS[sniff(body, format)](body);
  } catch (error) {
    throw new AppError(
      "TRANSCRIPT_UNREADABLE",
      `The published ${format} transcript cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
  const segments = result.segments
    .map((segment) => ({ ...segment, text: tidy(segment.text) }))
    .filter((segment) => segment.text !== "");
  if (segments.length === 0)
    throw new AppError("TRANSCRIPT_UNREADABLE", `The published ${format} transcript has no text.`);
  return { ...result, format, segments: inOrder(segments) };
}

const READERS: Record<TranscriptFormat, (body: string) => Omit<ImportedTranscript, "format">> = {
  vtt: readVtt,
  srt: readSrt,
  json: readJsonTranscript,
  html: readHtml,
  text: readText,
};

/** The content decides where it contradicts the label: hosts mislabel. */
function sniff(body: string, declared: TranscriptFormat): TranscriptFormat {
  if (/^WEBVTT\b/.test(body)) return "vtt";
  if (/^\s*\{/.test(body) && /"segments"\s*:/.test(body.slice(0, 4096))) return "json";
  if (/^\s*(?:\d+\s*\n)?\d{1,2}:\d{2}:\d{2}[,.]\d{3}\s*-->/.test(body)) return "srt";
  if (/^\s*<(?:!doctype html|html|body|cite|p|div)\b/i.test(body)) return "html";
  return declared === "vtt" || declared === "srt" || declared === "json" ? "text" : declared;
}

interface Cue {
  start: number;
  end: number;
  text: string;
}

const TIMING = /^\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})/;

/**
 * Cues of WebVTT and SubRip: blocks between empty lines with a line of times; the text is what follows that line. Read
 * here, for the library for it drops what it does not know and gives up on headers: published files hold both.
 */
function cues(body: string): Cue[] {
  return body.split(/\n[ \t]*\n/).flatMap((block) => {
    const lines = block.split("\n");
    const at = lines.findIndex((line) => TIMING.test(line));
    if (at < 0 || at > 2) return [];
    const [, from = "", to = ""] = TIMING.exec(lines[at] as string) ?? [];
    const start = clock(from);
    const end = clock(to);
    if (start === undefined || end === undefined) return [];
    return [{ start, end: Math.max(start, end), text: lines.slice(at + 1).join("\n") }];
  });
}

function readVtt(body: string): { segments: ImportedSegment[]; language?: string } {
  const language = /^Language:\s*([\w-]+)/im.exec(body.slice(0, 1000))?.[1];
  const segments = cues(body).flatMap((cue) => voicesOf(cue));
  return { segments: splitSpeakerPrefixes(segments, false), ...(language ? { language } : {}) };
}

/** A cue holds several voices when it has several `<v>` spans; its time is shared by length of text. */
function voicesOf(cue: Cue): ImportedSegment[] {
  const parts: { speaker?: string; text: string }[] = [];
  const pattern = /<v(?:\.[^\s>]+)?\s+([^>]+)>/g;
  let last = 0;
  let speaker: string | undefined;
  const push = (raw: string) => {
    const text = tidy(plainText(raw.replace(/<\/?[^>]*>/g, "")));
    if (text !== "") parts.push({ ...(speaker === undefined ? {} : { speaker: tidy(plainText(speaker)) }), text });
  };
  for (const match of cue.text.matchAll(pattern)) {
    push(cue.text.slice(last, match.index));
    speaker = match[1];
    last = match.index + match[0].length;
  }
  push(cue.text.slice(last));
  const total = parts.reduce((sum, part) => sum + part.text.length, 0);
  let start = cue.start;
  return parts.map((part, position) => {
    const end =
      position === parts.length - 1 ? cue.end : Math.round(start + ((cue.end - cue.start) * part.text.length) / total);
    const segment = { ...part, startMs: start, endMs: end };
    start = end;
    return segment;
  });
}

function readSrt(body: string): { segments: ImportedSegment[] } {
  const segments = cues(body).map((cue) => ({
    startMs: cue.start,
    endMs: cue.end,
    text: plainText(cue.text.replace(/\{\\[^}]*\}/g, "")),
  }));
  return { segments: splitSpeakerPrefixes(segments, false) };
}

function readJsonTranscript(body: string): { segments: ImportedSegment[]; language?: string } {
  const document = JSON.parse(body) as { segments?: unknown; language?: unknown };
  if (!Array.isArray(document.segments)) throw new Error("it has no segments");
  const segments: ImportedSegment[] = [];
  for (const raw of document.segments as Record<string, unknown>[]) {
    const text = typeof raw?.body === "string" ? raw.body : typeof raw?.text === "string" ? raw.text : "";
    const speaker = typeof raw?.speaker === "string" && raw.speaker.trim() !== "" ? tidy(raw.speaker) : undefined;
    const startMs = seconds(raw?.startTime ?? raw?.start);
    const endMs = seconds(raw?.endTime ?? raw?.end);
    segments.push({
      ...(startMs === undefined ? {} : { startMs }),
      ...(endMs === undefined ? {} : { endMs }),
      ...(speaker ? { speaker } : {}),
      text,
    });
  }
  return {
    segments: joinWords(splitSpeakerPrefixes(segments, false)),
    ...(typeof document.language === "string" ? { language: document.language } : {}),
  };
}

/** Many hosts write one segment a word: such are joined into sentences, times kept at both ends. */
function joinWords(segments: readonly ImportedSegment[]): ImportedSegment[] {
  const words = segments.reduce((sum, segment) => sum + segment.text.trim().split(/\s+/).length, 0);
  if (segments.length === 0 || words / segments.length > 2) return [...segments];
  const joined: ImportedSegment[] = [];
  for (const segment of segments) {
    const last = joined.at(-1);
    const ended = last === undefined || /[.!?…。！？]["'”’)]*$/.test(last.text);
    if (last === undefined || ended || last.speaker !== segment.speaker || last.text.length > 400)
      joined.push({ ...segment, text: segment.text.trim() });
    else {
      last.text += ` ${segment.text.trim()}`;
      if (segment.endMs !== undefined) last.endMs = segment.endMs;
    }
  }
  return joined;
}

/** `<cite>Alice:</cite><time>0:05</time><p>…</p>` of the Podcasting 2.0 specification, or any page of paragraphs. */
function readHtml(body: string): { segments: ImportedSegment[]; language?: string } {
  const segments: ImportedSegment[] = [];
  let speaker: string | undefined;
  let startMs: number | undefined;
  let mode: "cite" | "time" | "text" | "silent" = "text";
  let buffer = "";
  let language: string | undefined;
  const flush = () => {
    const text = tidy(buffer);
    buffer = "";
    if (text === "") return;
    segments.push({
      ...(startMs === undefined ? {} : { startMs }),
      ...(speaker === undefined ? {} : { speaker }),
      text,
    });
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === "html" && attributes.lang) language = attributes.lang;
      if (name === "cite" || name === "time") {
        flush();
        mode = name;
      } else if (name === "script" || name === "style" || name === "head") mode = "silent";
      else if (name === "p" || name === "div" || name === "br" || name === "li") buffer += " ";
    },
    onclosetag(name) {
      if (name === "cite") {
        speaker = tidy(buffer).replace(/\s*:$/, "") || undefined;
        buffer = "";
        mode = "text";
      } else if (name === "time") {
        startMs = clock(tidy(buffer).replace(/^[[(]|[\])]$/g, ""));
        buffer = "";
        mode = "text";
      } else if (name === "script" || name === "style" || name === "head") {
        buffer = "";
        mode = "text";
      } else if (name === "p" || name === "div" || name === "li") flush();
    },
    ontext(text) {
      if (mode !== "silent") buffer += text;
    },
  });
  parser.end(body);
  flush();
  return { segments: splitSpeakerPrefixes(segments, false), ...(language ? { language } : {}) };
}

const HEADER = /^(?:co-?)?(?:hosts?|guests?|narrator|speakers?)\s*:\s*\S.{0,80}$/i;
const MARK = /^\s*[[(]?((?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)[\])]?\s*(?:[-–—]\s*)?/;

/** Plain text: paragraphs, "Alice: …" lines, `[mm:ss]` marks; headings and a cast list at the top are no speech. */
function readText(body: string): { segments: ImportedSegment[] } {
  const segments: ImportedSegment[] = [];
  let startMs: number | undefined;
  let spoken = false;
  for (const line of body.split("\n")) {
    let rest = line.trim();
    if (rest === "" || rest.startsWith("#")) continue;
    if (!spoken && HEADER.test(rest)) continue;
    const mark = MARK.exec(rest);
    if (mark) {
      startMs = clock(mark[1] as string);
      rest = rest.slice(mark[0].length).trim();
      if (rest === "") continue;
    }
    spoken = true;
    // A mark every few minutes is a chapter, not the time of one line: only a line that carries its own has one.
    segments.push({ ...(mark && startMs !== undefined ? { startMs } : {}), text: rest });
  }
  return { segments: splitSpeakerPrefixes(segments, true) };
}

function seconds(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value ?? Number.NaN);
  return Number.isFinite(number) && number >= 0 ? Math.round(number * 1000) : undefined;
}

/** Segments by start time where all have one; cues that overlap or run backwards keep increasing times. */
function inOrder(segments: ImportedSegment[]): ImportedSegment[] {
  if (!segments.every((segment) => segment.startMs !== undefined)) return segments;
  return segments
    .map((segment, position) => ({ segment, position }))
    .sort((a, b) => (a.segment.startMs as number) - (b.segment.startMs as number) || a.position - b.position)
    .map(({ segment }) => segment);
}
