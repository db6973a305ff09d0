/**
 * Benchmarks, each beside its baseline in one run: `npm run bench [search rerun text transcribe cluster queue api searchapi console]`. Prints ratios and
 * figures; nothing here is a test.
 */
import { readFileSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exactSearch, MetricKind } from "usearch";
import { runProgram, silentLogger } from "../../services/base/src/index.ts";
import { clusterVectors, Searcher } from "../../services/corpus/src/index.ts";
import { builtWhisper, Pcm, startSpeechEngine, transcribe, VoiceActivity } from "../../services/models/src/index.ts";
import { runTextStages } from "../../services/pipeline/src/index.ts";
import { FIXTURES, MODEL_CACHE, MODELS, tempFolder } from "../helpers/environment.ts";
import { podcast, WITHOUT_MODELS } from "../helpers/podcast.ts";
import { indexOf100k } from "./chunks.ts";

const BENCHMARKS: Record<string, () => Promise<void>> = {
  search,
  rerun,
  text,
  transcribe: transcription,
  cluster,
  queue: () => import("./queue.ts").then((one) => one.queueThroughput()),
  console: () => import("./console.ts").then((one) => one.consoleLoad()),
  api: () => import("./api.ts").then((one) => one.apiLoad()),
  searchapi: () => import("./api.ts").then((one) => one.searchLoad()),
};
const asked = process.argv.slice(2);
for (const [name, run] of Object.entries(BENCHMARKS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n== ${name}`);
  await run();
}
process.exit(0);

function percentile(values: number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] as number;
}

/** Hybrid search over 100,000 chunks, against a plain scan of the vectors by the bare library. */
async function search(): Promise<void> {
  const { layout, folder, dimensions, all, word, vector } = await indexOf100k();
  const cold = performance.now();
  const searcher = await Searcher.open(layout, async () => vector());
  await searcher.search(`${word()} ${word()} ${word()}`);
  console.log(`cold start with the first search: ${(performance.now() - cold).toFixed(0)} ms`);
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const query = `${word()} ${word()} ${word()}`;
    const at = performance.now();
    await searcher.search(query);
    times.push(performance.now() - at);
  }
  const scans: number[] = [];
  for (let i = 0; i < 10; i++) {
    const query = vector();
    const at = performance.now();
    exactSearch(all, query, dimensions, 10, MetricKind.Cos, 1);
    scans.push(performance.now() - at);
  }
  const [p50, p95, scan] = [percentile(times, 0.5), percentile(times, 0.95), percentile(scans, 0.5)];
  console.log(
    `hybrid search: p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms; exact scan of the vectors alone: p50 ${scan.toFixed(1)} ms; ratio ${(scan / p50).toFixed(1)}`,
  );
  rmSync(folder, { recursive: true });
}

/** Story clusters over 3,200 vectors, against the bare look-up of neighbours that they need. */
async function cluster(): Promise<void> {
  let state = 3;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const unit = (raw: Float32Array) => {
    const length = Math.hypot(...raw);
    return raw.map((value) => value / length);
  };
  const centres = Array.from({ length: 400 }, () => Float32Array.from({ length: 384 }, () => random() - 0.5));
  const vectors = Array.from({ length: 3200 }, (_, i) =>
    unit((centres[i % 400] as Float32Array).map((value) => value + (random() - 0.5) * 0.5)),
  );
  const all = new Float32Array(3200 * 384);
  for (const [position, vector] of vectors.entries()) all.set(vector, position * 384);
  const bare = performance.now();
  exactSearch(all, all, 384, 9, MetricKind.Cos, 1);
  const neighbours = (performance.now() - bare) / 1000;
  const started = performance.now();
  const groups = clusterVectors(vectors);
  console.log(
    `3,200 vectors: ${groups.length} clusters in ${((performance.now() - started) / 1000).toFixed(2)} s; their neighbours alone ${neighbours.toFixed(2)} s`,
  );
}

/** A second run over 1,000 episodes of which none changed; the baseline reads the same files and nothing else. */
async function rerun(): Promise<void> {
  const { serveFolder } = await import("../../examples/serve.ts");
  const folder = tempFolder("bench-feed");
  const items = Array.from(
    { length: 1000 },
    (_, i) =>
      `<item><title>Episode ${i}</title><guid>${i}</guid><enclosure url="/e${i}.mp3" type="audio/mpeg"/><podcast:transcript url="/t.vtt" type="text/vtt"/></item>`,
  );
  await writeFile(
    join(folder, "feed.xml"),
    `<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>Many</title>${items.join("")}</channel></rss>`,
  );
  await writeFile(
    join(folder, "t.vtt"),
    "WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n<v Ann Lee>Water once a week, slowly, until the ground is wet a hand deep.\n",
  );
  const server = await serveFolder(folder, 0);
  const host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const corpus = join(folder, "corpus");
  const run = () =>
    podcast(["run", `http://${host}/feed.xml`, "--allow-host", host, "--corpus", corpus, "--json"], WITHOUT_MODELS);
  const first = JSON.parse((await run()).stdout);
  const started = performance.now();
  const second = JSON.parse((await run()).stdout);
  const wall = (performance.now() - started) / 1000;
  console.log(
    `first run ${first.seconds} s (${first.counts.processed} processed); second ${second.seconds} s of its own, ${wall.toFixed(1)} s with start-up (${second.counts.unchanged} unchanged)`,
  );
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
}

/** The text stages on an hour of speech (150 words a minute), model calls left out; the baseline splits sentences only. */
async function text(): Promise<void> {
  const source = readFileSync(join(FIXTURES, "peer", "eval", "sources", "feed-p01", "p01_e03.txt"), "utf8");
  const words = source.split(/\s+/).length;
  const hour = Array.from({ length: Math.ceil(9000 / words) }, () => source).join("\n");
  const before = process.memoryUsage.rss();
  const result = await runTextStages(hour, "Bench", {
    vectorise: undefined,
    maxInsights: 12,
    maxTopics: 12,
    bullets: 8,
  });
  const at = performance.now();
  const sentences = [...new Intl.Segmenter("en", { granularity: "sentence" }).segment(hour)].length;
  const baseline = (performance.now() - at) / 1000;
  console.log(
    `one hour of speech: ${result.seconds.toFixed(2)} s in our code, +${((process.memoryUsage.rss() - before) / 2 ** 20).toFixed(0)} MiB; splitting its ${sentences} sentences alone: ${baseline.toFixed(2)} s`,
  );
}

/** Our transcription against whisper.cpp's command line: same build, file, model, beam and threads. */
async function transcription(): Promise<void> {
  const binaries = await builtWhisper(join(MODEL_CACHE, "engines"));
  if (binaries === undefined) return console.log("whisper.cpp is not built yet: run `npm run test:services` first");
  const folder = tempFolder("bench-audio");
  await mkdir(folder, { recursive: true });
  const wav = join(folder, "audio.wav");
  await runProgram("ffmpeg", [
    "-v",
    "error",
    "-y",
    "-i",
    join(FIXTURES, "peer", "audio", "p01_e01_fast.mp3"),
    "-ac",
    "1",
    "-ar",
    "16000",
    "-c:a",
    "pcm_s16le",
    wav,
  ]);
  const model = join(MODELS, "whisper", "ggml-tiny.en-q5_1.bin");
  const bare = performance.now();
  await runProgram(binaries.cli, ["-m", model, "-f", wav, "-t", "2", "-bs", "5"]);
  const cli = (performance.now() - bare) / 1000;
  const activity = new VoiceActivity(undefined);
  const speech = await activity.find(wav);
  const ours = async (repair: boolean) => {
    const at = performance.now();
    const engine = await startSpeechEngine({
      model,
      threads: 2,
      cache: join(MODEL_CACHE, "engines"),
      logger: silentLogger(),
    });
    const pcm = await Pcm.open(wav);
    const result = await transcribe(engine, pcm, { speech, language: "en", beam: 5, repair });
    await pcm.close();
    await engine.close();
    return { seconds: (performance.now() - at) / 1000, result };
  };
  const [plain, repaired] = [await ours(false), await ours(true)];
  activity.close();
  console.log(
    `whisper-cli ${cli.toFixed(1)} s; ours ${plain.seconds.toFixed(1)} s, speed ratio ${(cli / plain.seconds).toFixed(2)}; with repair ${repaired.seconds.toFixed(1)} s (${repaired.result.repairedSeconds.toFixed(0)} of ${repaired.result.speechSeconds.toFixed(0)} s decoded again)`,
  );
}
