import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runProgram } from "@podcast/base";
import { Corpus } from "@podcast/corpus";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SHOWS } from "../examples/scripts.ts";
import { SAMPLE_FEEDS, serveFolder } from "../examples/serve.ts";
import { align, wordErrorRate } from "../services/cli/src/eval/align.ts";
import { diarizationError, parseRttm } from "../services/cli/src/eval/der.ts";
import { normaliseEnglish } from "../services/cli/src/eval/normalise.ts";
import { FIXTURES, hasFixtures, hasModels, skipping, tempFolder } from "./helpers/environment.ts";
import { podcast, startPodcast } from "./helpers/podcast.ts";

if (!hasModels)
  skipping(
    "real transcription and diarization",
    "no model mirror is on this machine (`npm start` fetches models by itself)",
  );

describe.skipIf(!hasModels)("real audio with real models", () => {
  const corpus = tempFolder("audio");
  let server: Server;
  let host: string;
  beforeAll(async () => {
    server = await serveFolder(SAMPLE_FEEDS, 0);
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  const args = () => [
    "run",
    `http://${host}/slow-garden/feed.xml`,
    "--allow-host",
    host,
    "--corpus",
    corpus,
    "--model",
    "transcription=whisper/tiny.en-q5_1",
    "--title",
    "Feed the Soil",
  ];

  it("stops on SIGTERM, goes on from what is done, and gets words, three voices, two names and the advert right", async () => {
    const child = startPodcast(args());
    let seen = "";
    child.stderr?.on("data", (block) => {
      seen += block;
      if (seen.includes("diarization done")) child.kill("SIGTERM");
    });
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(130);
    const data = new Corpus(corpus);
    const [ref] = await data.episodes();
    const { files } = data.open(ref as never);
    expect(existsSync(files.file("turns.json"))).toBe(true);
    expect(existsSync(files.file("asr.json"))).toBe(false);

    const outcome = await podcast([...args(), "--json"]);
    const result = JSON.parse(outcome.stdout);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(result.episodes[0].stages).not.toContain("diarization");
    const reader = data.open(ref as never);
    const transcript = await reader.transcript();
    const script = SHOWS[0]?.episodes[0]?.lines.map((line) => line.text).join(" ") ?? "";
    const words = (text: string) => normaliseEnglish(text).split(" ");
    expect(wordErrorRate(align(words(script), words((await reader.text()) ?? "")))).toBeLessThan(0.15);
    expect(transcript?.voices.map((voice) => [voice.name, voice.type])).toEqual([
      ["Nora Finch", "host"],
      ["Thomas Reed", "guest"],
      [undefined, "advert"],
    ]);
    expect((await reader.cuts())?.cuts.map((cut) => cut.brand)).toEqual(["Green Barrel"]);
    expect(transcript?.segments.at(-1)?.end_ms).toBeGreaterThan(40_000);
    expect(existsSync(join(reader.files.mediaDir, "audio.wav"))).toBe(false);
    const found = JSON.parse(
      (await podcast(["search", "keeping the ground moist", "--corpus", corpus, "--json"])).stdout,
    );
    expect(found.semantic).toBe(true);
    expect(found.hits.length).toBeGreaterThan(0);
  });

  it("shows the monitor's figures and summary, and ends at once", async () => {
    const outcome = await podcast(
      [...args(), "--monitor", "--only-stage", "transcription", "--model", "transcription=whisper/tiny.en-q5_1"],
      { PODCAST_SCRAPER_MONITOR_FILE_LOG: "1" },
    );
    expect(outcome.stderr).toContain("Monitor summary (exit code 0)");
    expect(JSON.parse(readFileSync(join(corpus, ".pipeline_status.json"), "utf8"))).toMatchObject({
      stage: "done",
      exit_code: 0,
    });
    expect(readFileSync(join(corpus, ".monitor.log"), "utf8")).toMatch(/RSS \d+ MiB \| CPU \d+ %/);
  });

  it("gives damaged, silent and mislabelled files a name or a flag, each by itself", async () => {
    const folder = tempFolder("bad-audio");
    const make = (name: string, ...options: string[]) =>
      runProgram("ffmpeg", ["-v", "error", "-y", ...options, join(folder, name)]);
    await make("silence.mp3", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "4");
    await make("tone.mp3", "-f", "lavfi", "-i", "sine=frequency=440:duration=4");
    await make("video.mp4", "-f", "lavfi", "-i", "color=c=black:s=64x64:d=2", "-an");
    const whole = readFileSync(join(SAMPLE_FEEDS, "small-servers", "backups.mp3"));
    const files: Record<string, Buffer> = {
      "/silence.mp3": readFileSync(join(folder, "silence.mp3")),
      "/tone.mp3": readFileSync(join(folder, "tone.mp3")),
      "/video.mp3": readFileSync(join(folder, "video.mp4")),
      "/empty.mp3": Buffer.alloc(0),
      "/page.mp3": Buffer.from("<!doctype html><title>Not found</title>"),
      "/junk.mp3": Buffer.alloc(20_000, 7),
      "/cut.mp3": whole.subarray(0, 20_000),
    };
    const items = [...Object.keys(files), "/gone.mp3"].map(
      (url) =>
        `<item><title>${url}</title><guid>${url}</guid><enclosure url="${url}" type="audio/mpeg"/><itunes:duration xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">${url === "/cut.mp3" ? 37 : 4}</itunes:duration></item>`,
    );
    const bad = createServer((request, response) => {
      const body =
        request.url === "/feed.xml"
          ? Buffer.from(
              `<rss version="2.0"><channel><title>Bad</title><language>en</language>${items.join("")}</channel></rss>`,
            )
          : files[request.url ?? ""];
      if (body === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-length": body.length }).end(body);
    });
    bad.listen(0, "127.0.0.1");
    await once(bad, "listening");
    const address = `127.0.0.1:${(bad.address() as AddressInfo).port}`;
    const outcome = await podcast([
      "run",
      `http://${address}/feed.xml`,
      "--allow-host",
      address,
      "--corpus",
      tempFolder("bad-corpus"),
      "--model",
      "transcription=whisper/tiny.en-q5_1",
      "--json",
    ]);
    bad.close();
    expect(outcome.code, outcome.stderr).toBe(3);
    const said = Object.fromEntries(
      JSON.parse(outcome.stdout).episodes.map(
        (episode: { title: string; error?: { code: string }; flags: string[] }) => [
          episode.title,
          episode.error?.code ?? episode.flags.join(","),
        ],
      ),
    );
    expect(said).toMatchObject({
      "/empty.mp3": "MEDIA_EMPTY",
      "/page.mp3": "MEDIA_NOT_AUDIO",
      "/junk.mp3": "MEDIA_UNREADABLE",
      "/video.mp3": "MEDIA_UNREADABLE",
      "/gone.mp3": "MEDIA_NOT_FOUND",
    });
    expect(said["/silence.mp3"]).toContain("no_speech");
    expect(said["/tone.mp3"]).toContain("no_speech");
    expect(said["/cut.mp3"]).toContain("audio_truncated");
  });
});

describe.skipIf(!hasModels || !hasFixtures)("a real telephone talk", () => {
  it("has two voices, at most 15 % of it given to the wrong one", async () => {
    const { Diarizer } = await import("@podcast/models");
    const diarizer = new Diarizer();
    const models = (await import("./helpers/environment.ts")).MODELS;
    const result = await diarizer.run({
      wav: join(FIXTURES, "real", "conversation.wav"),
      segmentationModel: join(models, "diarization", "segmentation-3.0.onnx"),
      embeddingModel: join(models, "diarization", "campplus_zh_en_advanced.onnx"),
      threads: 2,
    });
    diarizer.close();
    const reference = parseRttm(readFileSync(join(FIXTURES, "real", "conversation.rttm"), "utf8"));
    const hypothesis = result.turns.map((turn) => ({
      start: turn.startMs / 1000,
      end: turn.endMs / 1000,
      speaker: String(turn.speaker),
    }));
    expect(result.speakers).toBe(2);
    expect(diarizationError(reference, hypothesis).rate).toBeLessThan(0.15);
  });
});
