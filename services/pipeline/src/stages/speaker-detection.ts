import { AppError, writeFileAtomic, writeJson } from "@podcast/base";
import { composeTranscript, toVtt } from "../speakers/compose.ts";
import type { StageOutcome, StageRunner } from "./stage.ts";

/** Composes the transcript: whose words, under which name. The first file that people read. */
export const speakerDetection: StageRunner = {
  name: "speaker_detection",
  async run(_context, target): Promise<StageOutcome> {
    const asr = await target.read.asr();
    if (asr === undefined)
      throw new AppError("ARTIFACT_MISSING", "There is no transcription yet.", { hint: "Run from transcription on." });
    const { transcript, text } = composeTranscript(
      asr,
      await target.read.turns(),
      await target.read.cuts(),
      target.episode,
    );
    await writeFileAtomic(target.files.file("transcript.txt"), text);
    await writeFileAtomic(target.files.file("transcript.vtt"), toVtt(transcript));
    await writeJson(target.files.file("transcript.json"), transcript);
    const unnamed = transcript.voices.filter((voice) => voice.name === undefined && voice.type !== "advert").length;
    return {
      state: "done",
      outputs: ["transcript.json", "transcript.txt", "transcript.vtt"],
      metrics: { voices: transcript.voices.length, unnamed },
      flags: [...(transcript.segments.length === 0 ? ["no_speech"] : []), ...(unnamed > 0 ? ["voices_unnamed"] : [])],
    };
  },
};
