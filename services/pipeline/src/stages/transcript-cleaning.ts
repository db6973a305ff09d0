import { AppError, writeJson } from "@podcast/base";
import type { Cuts } from "@podcast/corpus";
import { findAdverts } from "../cleaning/find-adverts.ts";
import { attribute } from "../speakers/attribute.ts";
import { TimedText } from "../text/timed-text.ts";
import type { StageOutcome, StageRunner } from "./stage.ts";

/** Marks adverts. Nothing is taken out of the transcript: cuts are offsets into it. */
export const transcriptCleaning: StageRunner = {
  name: "transcript_cleaning",
  async run(context, target): Promise<StageOutcome> {
    const asr = await target.read.asr();
    if (asr === undefined)
      throw new AppError("ARTIFACT_MISSING", "There is no transcription yet.", { hint: "Run from transcription on." });
    const timed = new TimedText(asr);
    const turns = await target.read.turns();
    const found = findAdverts(timed, attribute(timed, asr, turns), context.config["cleaning.maxShare"]);
    await writeJson(target.files.file("cuts.json"), { schema: 1, ...found } satisfies Cuts);
    return {
      state: "done",
      outputs: ["cuts.json"],
      metrics: { cut_share: found.share },
      flags: found.bounded ? ["cuts_bounded"] : [],
    };
  },
};
