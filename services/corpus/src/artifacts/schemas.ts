import { z } from "zod";

/** Shapes of every artifact on disk. All times are milliseconds of the original audio; offsets are code points. */

const ms = z.number().int().nonnegative();
const offset = z.number().int().nonnegative();
const version = z.literal(1);

export const PersonTag = z.object({
  name: z.string(),
  role: z.string().optional(),
  group: z.string().optional(),
  href: z.string().optional(),
  img: z.string().optional(),
});

export const Feed = z.object({
  schema: version,
  key: z.string(),
  identity: z.string(),
  url: z.string(),
  /** Addresses that led to this feed, first seen first. */
  urls: z.array(z.string()),
  title: z.string(),
  description: z.string().optional(),
  link: z.string().optional(),
  language: z.string().optional(),
  author: z.string().optional(),
  owner: z.string().optional(),
  image: z.string().optional(),
  categories: z.array(z.string()),
  people: z.array(PersonTag),
  guid: z.string().optional(),
  etag: z.string().optional(),
  last_modified: z.string().optional(),
  ttl_minutes: z.number().optional(),
});
export type Feed = z.infer<typeof Feed>;

export const TranscriptLink = z.object({
  url: z.string(),
  type: z.string(),
  language: z.string().optional(),
  rel: z.string().optional(),
});
export type TranscriptLink = z.infer<typeof TranscriptLink>;

export const Episode = z.object({
  schema: version,
  key: z.string(),
  feed_key: z.string(),
  feed_title: z.string(),
  feed_author: z.string().optional(),
  guid: z.string(),
  title: z.string(),
  description: z.string().optional(),
  link: z.string().optional(),
  published: z.string().optional(),
  season: z.number().optional(),
  number: z.number().optional(),
  type: z.string().optional(),
  explicit: z.boolean().optional(),
  image: z.string().optional(),
  enclosure: z.object({ url: z.string(), type: z.string().optional(), bytes: z.number().optional() }).optional(),
  transcripts: z.array(TranscriptLink),
  chapters_url: z.string().optional(),
  chapters: z.array(z.object({ start_ms: ms, title: z.string() })).optional(),
  soundbites: z.array(z.object({ start_ms: ms, duration_ms: ms, title: z.string().optional() })),
  people: z.array(PersonTag),
  feed_people: z.array(PersonTag),
  language: z.string().optional(),
  declared_duration_ms: ms.optional(),
});
export type Episode = z.infer<typeof Episode>;

export const Media = z.object({
  schema: version,
  url: z.string(),
  final_url: z.string(),
  file: z.string(),
  bytes: z.number().int(),
  sha256: z.string(),
  mime: z.string(),
});
export type Media = z.infer<typeof Media>;

export const Word = z.object({ start_ms: ms, end_ms: ms, text: z.string(), p: z.number() });
export type Word = z.infer<typeof Word>;

export const AsrSegment = z.object({
  start_ms: ms,
  end_ms: ms,
  text: z.string(),
  /** Voice or name as the source gives it. */
  speaker: z.string().optional(),
  words: z.array(Word).optional(),
  /** Mean log probability of the tokens; absent for published transcripts. */
  logprob: z.number().optional(),
});
export type AsrSegment = z.infer<typeof AsrSegment>;

export const Doubt = z.object({
  start_ms: ms,
  end_ms: ms,
  kind: z.enum(["skipped", "repeated", "invented", "unsure"]),
});
export type Doubt = z.infer<typeof Doubt>;

export const Asr = z.object({
  schema: version,
  source: z.object({
    kind: z.enum(["published", "whisper", "service"]),
    format: z.string().optional(),
    url: z.string().optional(),
    model: z.string().optional(),
    engine: z.string().optional(),
  }),
  language: z.string(),
  /** False where the source gives no times: they are then spread over the episode by length of text. */
  timed: z.boolean(),
  duration_ms: ms,
  segments: z.array(AsrSegment),
  doubts: z.array(Doubt),
});
export type Asr = z.infer<typeof Asr>;

export const Turns = z.object({
  schema: version,
  model: z.string(),
  duration_ms: ms,
  voices: z.array(z.object({ id: z.string(), seconds: z.number() })),
  turns: z.array(z.object({ start_ms: ms, end_ms: ms, voice: z.string() })),
  /** Stretches in which anybody is heard. */
  speech: z.array(z.object({ start_ms: ms, end_ms: ms, voice: z.string() })),
});
export type Turns = z.infer<typeof Turns>;

export const Cut = z.object({
  char_start: offset,
  char_end: offset,
  start_ms: ms,
  end_ms: ms,
  kind: z.enum(["sponsor", "promotion"]),
  brand: z.string().optional(),
  score: z.number(),
  reasons: z.array(z.string()),
});
export const Cuts = z.object({
  schema: version,
  cuts: z.array(Cut),
  /** Share of the text that is cut. */
  share: z.number(),
  /** True where the bound on the share held further cuts back. */
  bounded: z.boolean(),
});
export type Cut = z.infer<typeof Cut>;
export type Cuts = z.infer<typeof Cuts>;

export const VoiceType = z.enum(["host", "guest", "advert", "unknown"]);
export type VoiceType = z.infer<typeof VoiceType>;

export const Voice = z.object({
  id: z.string(),
  name: z.string().optional(),
  type: VoiceType,
  seconds: z.number(),
  evidence: z.array(z.string()),
});
export type Voice = z.infer<typeof Voice>;

export const TranscriptSegment = z.object({
  id: z.number().int(),
  start_ms: ms,
  end_ms: ms,
  char_start: offset,
  char_end: offset,
  /** Id of a voice. */
  speaker: z.string(),
  voice_type: VoiceType,
  text: z.string(),
  words: z.array(Word).optional(),
});
export type TranscriptSegment = z.infer<typeof TranscriptSegment>;

export const Transcript = z.object({
  schema: version,
  language: z.string(),
  duration_ms: ms,
  timed: z.boolean(),
  source: Asr.shape.source,
  voices: z.array(Voice),
  segments: z.array(TranscriptSegment),
  /** Code points of transcript.txt. */
  length: offset,
});
export type Transcript = z.infer<typeof Transcript>;

export const Quote = z.object({
  text: z.string(),
  char_start: offset,
  char_end: offset,
  start_ms: ms,
  end_ms: ms,
  speaker: z.string(),
});
export type Quote = z.infer<typeof Quote>;

export const InsightType = z.enum(["claim", "recommendation", "observation", "question", "unknown"]);
export type InsightType = z.infer<typeof InsightType>;

export const Insight = z.object({
  id: z.string(),
  text: z.string(),
  type: InsightType,
  /** 0–1, how much this carries of the episode. */
  salience: z.number(),
  topic: z.string().optional(),
  speaker: z.string().optional(),
  quotes: z.array(Quote),
});
export type Insight = z.infer<typeof Insight>;

export const Summary = z.object({
  schema: version,
  provider: z.string(),
  title: z.string(),
  paragraph: z.string(),
  bullets: z.array(z.string()),
  /** Source of each sentence of an extractive summary. */
  sources: z.array(z.object({ char_start: offset, char_end: offset, start_ms: ms })),
});
export type Summary = z.infer<typeof Summary>;

export const Chunk = z.object({
  id: z.number().int(),
  kind: z.enum(["transcript", "insight", "summary"]),
  char_start: offset,
  char_end: offset,
  start_ms: ms,
  end_ms: ms,
  speaker: z.string().optional(),
  text: z.string(),
});
export type Chunk = z.infer<typeof Chunk>;

export const Chunks = z.object({
  schema: version,
  model: z.string().optional(),
  dimensions: z.number().int().optional(),
  chunks: z.array(Chunk),
  /** One vector a chunk: float32, little endian, base64. */
  vectors: z.array(z.string()).optional(),
});
export type Chunks = z.infer<typeof Chunks>;

export const StageRecord = z.object({
  state: z.enum(["done", "skipped", "failed"]),
  method_version: z.number().int(),
  fingerprint: z.string(),
  started: z.string(),
  duration_s: z.number(),
  attempts: z.number().int(),
  cost_usd: z.number().optional(),
  metrics: z.record(z.string(), z.number()),
  flags: z.array(z.string()),
  /** sha256 of each file that the stage wrote. */
  outputs: z.record(z.string(), z.string()),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type StageRecord = z.infer<typeof StageRecord>;

export const Manifest = z.object({
  schema: version,
  episode_key: z.string(),
  /** Hash over the fingerprints of all finished stages (A.4). */
  fingerprint: z.string(),
  stages: z.record(z.string(), StageRecord),
});
export type Manifest = z.infer<typeof Manifest>;

export const CorpusInfo = z.object({
  schema: version,
  producer: z.string(),
  feeds: z.array(z.object({ key: z.string(), title: z.string() })),
});
export type CorpusInfo = z.infer<typeof CorpusInfo>;
