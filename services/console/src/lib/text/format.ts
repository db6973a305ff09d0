/** Figures as a person reads them: each with its unit. */

/** 754000 → "12:34", 3754000 → "1:02:34". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h > 0 ? `${h}:${String(m).padStart(2, "0")}` : m}:${String(s).padStart(2, "0")}`;
}

/** Milliseconds as "47 s", "38 min", "1 h 12 min". */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

export function date(iso: string): string {
  const time = new Date(iso);
  // Feeds without a date are kept under the epoch.
  return time.getTime() > 0 ? day.format(time) : "no date";
}

export function time(iso: string): string {
  return moment.format(new Date(iso));
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "5 minutes ago", "in 2 hours". */
export function ago(iso: string, now = Date.now()): string {
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000);
  for (const [unit, size] of STEPS)
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return "now";
}

/** Bytes as "31 MB", "1.6 GB". */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Names of the engine in a person's words. */
const STAGES: Record<string, string> = {
  rss_feed_fetch: "reading the feed",
  media_download: "downloading",
  audio_preprocessing: "preparing the audio",
  diarization: "telling voices apart",
  transcription: "transcribing",
  transcript_cleaning: "finding adverts",
  speaker_detection: "naming speakers",
  summarization: "summarising",
  gi_generation: "finding insights",
  kg_extraction: "building the graph",
  vector_indexing: "indexing",
  done: "done",
};

export function stageName(stage: string | null | undefined): string {
  return stage ? (STAGES[stage] ?? stage.replaceAll("_", " ")) : "";
}

const JOBS: Record<string, string> = {
  process_episode: "Process an episode",
  poll_feed: "Read a feed",
  project_episode: "Project into the database",
  update_index: "Update the search index",
  generate_digest: "Make a digest",
};

export function jobName(name: string): string {
  return JOBS[name] ?? name.replaceAll("_", " ");
}
