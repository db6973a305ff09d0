import type { InferenceSession } from "onnxruntime-node";
import ort from "onnxruntime-node";

/**
 * Local speaker activity with pyannote's segmentation-3.0 (powerset of at most three speakers a window, two at once).
 * Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023.
 */

/** Samples in one window: 10 s. */
export const WINDOW_SAMPLES = 160_000;
/** Output frames in one window. */
export const WINDOW_FRAMES = 589;
/** Samples from one output frame to the next. */
export const FRAME_SHIFT = 270;
/** Samples that one output frame sees. */
const FRAME_FIELD = 991;
/** Speakers that the model tells apart within a window. */
export const LOCAL_SPEAKERS = 3;
const POWERSET: readonly (readonly number[])[] = [[], [0], [1], [2], [0, 1], [0, 2], [1, 2]];

export interface SegmentationWindow {
  /** First sample of the window in the recording. */
  start: number;
  /** Probability that local speaker `s` is active in frame `f`, at `s * WINDOW_FRAMES + f`. */
  activity: Float32Array;
  /** Most probable powerset class of each frame: 0 nobody, 1–3 one speaker, 4–6 two. */
  classes: Uint8Array;
}

/** Centre of frame `frame` of a window, in samples from the start of that window. */
export function frameCentre(frame: number): number {
  return frame * FRAME_SHIFT + (FRAME_FIELD >> 1);
}

/** Turns raw logits of one window (WINDOW_FRAMES × 7) into per-speaker activity and the most probable class. */
export function decodePowerset(logits: Float32Array, start: number): SegmentationWindow {
  const activity = new Float32Array(LOCAL_SPEAKERS * WINDOW_FRAMES);
  const classes = new Uint8Array(WINDOW_FRAMES);
  const probability = new Float64Array(POWERSET.length);
  for (let frame = 0; frame < WINDOW_FRAMES; frame++) {
    let best = 0;
    for (let k = 1; k < POWERSET.length; k++) {
      if (at(logits, frame * POWERSET.length + k) > at(logits, frame * POWERSET.length + best)) best = k;
    }
    classes[frame] = best;
    const peak = at(logits, frame * POWERSET.length + best);
    let total = 0;
    for (let k = 0; k < POWERSET.length; k++) {
      probability[k] = Math.exp(at(logits, frame * POWERSET.length + k) - peak);
      total += at(probability, k);
    }
    for (const [k, speakers] of POWERSET.entries()) {
      for (const speaker of speakers) {
        const slot = speaker * WINDOW_FRAMES + frame;
        activity[slot] = at(activity, slot) + at(probability, k) / total;
      }
    }
  }
  return { start, activity, classes };
}

function at(values: Float32Array | Float64Array, index: number): number {
  return values[index] ?? 0;
}

/** Runs the segmentation model over one window of samples (padded with silence when shorter). */
export class SegmentationModel {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async load(path: string, threads: number): Promise<SegmentationModel> {
    return new SegmentationModel(
      await ort.InferenceSession.create(path, { intraOpNumThreads: threads, interOpNumThreads: 1 }),
    );
  }

  async run(samples: Float32Array, start: number): Promise<SegmentationWindow> {
    const padded = new Float32Array(WINDOW_SAMPLES);
    padded.set(samples.subarray(0, WINDOW_SAMPLES));
    const { y } = await this.#session.run({ x: new ort.Tensor("float32", padded, [1, 1, WINDOW_SAMPLES]) });
    return decodePowerset(y?.data as Float32Array, start);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
