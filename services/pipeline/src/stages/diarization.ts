import { stat } from "node:fs/promises";
import { toAppError, writeJson } from "@podcast/base";
import type { Turns } from "@podcast/corpus";
import { Pcm } from "@podcast/models";
import { wavPath } from "./audio-preprocessing.ts";
import type { StageOutcome, StageRunner } from "./stage.ts";

/** Tells voices apart, before transcription, so that decoding can be cut where the voice changes. */
export const diarization: StageRunner = {
  name: "diarization",
  async prepare(context) {
    if (context.config["diarization.enabled"] === "off") return;
    await context.models.diarizer().catch((error) => {
      if (context.config["diarization.enabled"] === "on" || toAppError(error).code !== "MODEL_MISSING") throw error;
    });
  },
  async identity(context) {
    if (context.config["diarization.enabled"] === "off") return "off";
    return (await context.models.diarizationReady()) ? "segmentation-3.0+campplus" : "none";
  },
  async run(context, target): Promise<StageOutcome> {
    const wav = wavPath(target);
    if ((await stat(wav).catch(() => undefined)) === undefined) return { state: "skipped", outputs: [], flags: [] };
    if (context.config["diarization.enabled"] === "off" || !(await context.models.diarizationReady())) {
      return { state: "skipped", outputs: [], flags: ["voices_not_told_apart"] };
    }
    const { diarizer, segmentation, embedding } = await context.models.diarizer();
    const result = await diarizer.run(
      {
        wav,
        segmentationModel: segmentation,
        embeddingModel: embedding,
        threads: Math.min(2, context.models.threads),
        speakers: context.config["diarization.speakers"],
      },
      { signal: context.signal, onProgress: context.progress },
    );
    const pcm = await Pcm.open(wav);
    const durationMs = Math.round(pcm.durationMs);
    await pcm.close();
    const id = (speaker: number) => `s${speaker + 1}`;
    const seconds = new Map<string, number>();
    for (const turn of result.turns)
      seconds.set(id(turn.speaker), (seconds.get(id(turn.speaker)) ?? 0) + (turn.endMs - turn.startMs) / 1000);
    const artifact: Turns = {
      schema: 1,
      model: "segmentation-3.0+campplus",
      duration_ms: durationMs,
      voices: [...seconds].map(([voice, length]) => ({ id: voice, seconds: Math.round(length * 10) / 10 })),
      turns: result.turns.map((turn) => ({ start_ms: turn.startMs, end_ms: turn.endMs, voice: id(turn.speaker) })),
      speech: result.speech.map((turn) => ({ start_ms: turn.startMs, end_ms: turn.endMs, voice: id(turn.speaker) })),
    };
    await writeJson(target.files.file("turns.json"), artifact);
    return {
      state: "done",
      outputs: ["turns.json"],
      metrics: { voices: result.speakers },
      flags: result.speakers === 0 ? ["no_speech"] : [],
    };
  },
};
