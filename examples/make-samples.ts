/**
 * Speaks the sample shows and writes their feeds: examples/feeds/<show>/. Needs flite and ffmpeg (Debian packages).
 * Run once by whoever changes scripts.ts: `npm run samples`. Transcripts get the times of the spoken lines.
 */
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram, toJson, writeFileAtomic } from "../services/base/src/index.ts";
import { type SampleEpisode, type SampleLine, type SampleShow, SHOWS } from "./scripts.ts";

interface TimedLine extends SampleLine {
  startMs: number;
  endMs: number;
}

const PAUSE_S = 0.35;
const TYPES = { vtt: "text/vtt", srt: "application/x-subrip", json: "application/json" } as const;
const feeds = join(import.meta.dirname, "feeds");

for (const show of SHOWS) {
  const folder = join(feeds, show.folder);
  await mkdir(folder, { recursive: true });
  const items: string[] = [];
  for (const episode of show.episodes) {
    const lines = await speak(show, episode, join(folder, `${episode.file}.mp3`));
    if (episode.transcript)
      await writeFileAtomic(
        join(folder, `${episode.file}.${episode.transcript}`),
        transcript(lines, episode.transcript),
      );
    items.push(await item(episode, folder, lines));
    console.log(`${show.folder}/${episode.file}: ${((lines.at(-1)?.endMs ?? 0) / 1000).toFixed(1)} s`);
  }
  await cover(show, join(folder, "cover.png"));
  await writeFileAtomic(join(folder, "feed.xml"), feed(show, items));
}

/** Cover art: shapes by formula, drawn with ffmpeg. */
async function cover(show: SampleShow, target: string): Promise<void> {
  const source = `nullsrc=s=600x600,format=gbrp,geq=r='${show.cover.r}':g='${show.cover.g}':b='${show.cover.b}'`;
  await runProgram("ffmpeg", [
    "-v",
    "error",
    "-y",
    "-f",
    "lavfi",
    "-i",
    source,
    "-frames:v",
    "1",
    "-pred",
    "mixed",
    target,
  ]);
}

async function speak(show: SampleShow, episode: SampleEpisode, target: string): Promise<TimedLine[]> {
  const work = await mkdtemp(join(tmpdir(), "samples-"));
  const timed: TimedLine[] = [];
  const parts: string[] = [];
  let at = 0;
  for (const [index, line] of episode.lines.entries()) {
    const wav = join(work, `${index}.wav`);
    await runProgram("flite", ["-voice", show.voices[line.who] as string, "-t", line.text, "-o", wav]);
    const padded = join(work, `${index}-padded.wav`);
    await runProgram("ffmpeg", [
      "-v",
      "error",
      "-y",
      "-i",
      wav,
      "-ar",
      "22050",
      "-ac",
      "1",
      "-af",
      `apad=pad_dur=${PAUSE_S}`,
      padded,
    ]);
    const seconds = ((await stat(padded)).size - 78) / 2 / 22_050;
    timed.push({ ...line, startMs: Math.round(at * 1000), endMs: Math.round((at + seconds - PAUSE_S) * 1000) });
    at += seconds;
    parts.push(padded);
  }
  const inputs = parts.flatMap((part) => ["-i", part]);
  const graph = `${parts.map((_, index) => `[${index}:a]`).join("")}concat=n=${parts.length}:v=0:a=1`;
  await runProgram("ffmpeg", [
    "-v",
    "error",
    "-y",
    ...inputs,
    "-filter_complex",
    graph,
    "-b:a",
    "40k",
    "-fflags",
    "+bitexact",
    "-map_metadata",
    "-1",
    target,
  ]);
  await rm(work, { recursive: true });
  return timed;
}

function transcript(lines: readonly TimedLine[], format: "vtt" | "srt" | "json"): string {
  if (format === "json") {
    return toJson({
      version: "1.0.0",
      segments: lines.map((line) => ({
        speaker: line.who,
        startTime: line.startMs / 1000,
        endTime: line.endMs / 1000,
        body: line.text,
      })),
    });
  }
  if (format === "vtt")
    return `WEBVTT\n\n${lines.map((line) => `${stamp(line.startMs, ".")} --> ${stamp(line.endMs, ".")}\n<v ${line.who}>${line.text}</v>`).join("\n\n")}\n`;
  return `${lines.map((line, index) => `${index + 1}\n${stamp(line.startMs, ",")} --> ${stamp(line.endMs, ",")}\n${line.who}: ${line.text}`).join("\n\n")}\n`;
}

function stamp(ms: number, mark: string): string {
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${pad(Math.floor(ms / 3_600_000))}:${pad(Math.floor(ms / 60_000) % 60)}:${pad(Math.floor(ms / 1000) % 60)}${mark}${pad(ms % 1000, 3)}`;
}

async function item(episode: SampleEpisode, folder: string, lines: readonly TimedLine[]): Promise<string> {
  const { size } = await stat(join(folder, `${episode.file}.mp3`));
  const people = episode.people
    .map((person) => `      <podcast:person role="${person.role}">${person.name}</podcast:person>`)
    .join("\n");
  const link = episode.transcript
    ? `\n      <podcast:transcript url="${episode.file}.${episode.transcript}" type="${TYPES[episode.transcript]}" language="en"/>`
    : "";
  const bite = lines[3];
  return `    <item>
      <title>${episode.title}</title>
      <guid isPermaLink="false">${episode.guid}</guid>
      <pubDate>${new Date(episode.published).toUTCString()}</pubDate>
      <description>${episode.description}</description>
      <enclosure url="${episode.file}.mp3" length="${size}" type="audio/mpeg"/>
      <itunes:duration>${Math.ceil((lines.at(-1)?.endMs ?? 0) / 1000)}</itunes:duration>
${people}${link}
      <podcast:soundbite startTime="${((bite?.startMs ?? 0) / 1000).toFixed(1)}" duration="${(((bite?.endMs ?? 0) - (bite?.startMs ?? 0)) / 1000).toFixed(1)}">${bite?.text.split(".")[0]}</podcast:soundbite>
    </item>`;
}

function feed(show: SampleShow, items: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:podcast="https://podcastindex.org/namespace/1.0">
  <channel>
    <title>${show.title}</title>
    <link>https://example.com/${show.folder}</link>
    <description>${show.description}</description>
    <language>en</language>
    <itunes:author>${show.author}</itunes:author>
    <itunes:image href="cover.png"/>
    <itunes:category text="${show.category}"/>
    <itunes:explicit>false</itunes:explicit>
    <podcast:guid>${show.guid}</podcast:guid>
    <podcast:person role="host">${show.author}</podcast:person>
${items.join("\n")}
  </channel>
</rss>
`;
}
