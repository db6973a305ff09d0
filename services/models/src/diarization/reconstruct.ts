import { SAMPLE_RATE } from "../audio/pcm.ts";
import { FRAME_SHIFT, frameCentre, type SegmentationWindow, WINDOW_FRAMES } from "./segmentation.ts";

/** One voice speaking, in milliseconds of the recording. */
export interface SpeakerTurn {
  startMs: number;
  endMs: number;
  speaker: number;
}

export interface ReconstructOptions {
  /** A pause of one voice up to this long stays inside its turn; the floor is held as long before another voice. ms */
  holdMs: number;
  /** Turns shorter than this are dropped. ms */
  minTurnMs: number;
}

export interface VoiceTimeline {
  /** Mean activity of speaker `s` at frame `f`, at `s * frames + f`. */
  activity: Float32Array;
  frames: number;
  speakers: number;
}

/** Adds up what all windows say about each moment, after their local voices got global names. */
export function mergeWindows(
  windows: readonly SegmentationWindow[],
  label: (window: number, local: number) => number,
  speakers: number,
  samples: number,
): VoiceTimeline {
  const frames = Math.ceil(samples / FRAME_SHIFT) + 1;
  const activity = new Float32Array(speakers * frames);
  const weight = new Float32Array(frames);
  for (const [index, window] of windows.entries()) {
    for (let frame = 0; frame < WINDOW_FRAMES; frame++) {
      const slot = Math.floor((window.start + frameCentre(frame)) / FRAME_SHIFT);
      if (slot >= frames) break;
      // The model knows least about the rim of its window, where it lacks one side of the context.
      const trust = 0.1 + Math.min(frame, WINDOW_FRAMES - 1 - frame) / WINDOW_FRAMES;
      weight[slot] = (weight[slot] as number) + trust;
      for (let local = 0; local * WINDOW_FRAMES < window.activity.length; local++) {
        const speaker = label(index, local);
        if (speaker < 0) continue;
        const value = window.activity[local * WINDOW_FRAMES + frame] as number;
        activity[speaker * frames + slot] = (activity[speaker * frames + slot] as number) + trust * value;
      }
    }
  }
  for (let speaker = 0; speaker < speakers; speaker++) {
    for (let slot = 0; slot < frames; slot++) {
      const trust = weight[slot] as number;
      if (trust > 0) activity[speaker * frames + slot] = (activity[speaker * frames + slot] as number) / trust;
    }
  }
  return { activity, frames, speakers };
}

/** Turns from activity: the loudest voice of each moment, and a second one where it is heard as well. */
export function turnsFromTimeline(
  timeline: VoiceTimeline,
  durationMs: number,
  options: ReconstructOptions,
): SpeakerTurn[] {
  const frameMs = (FRAME_SHIFT / SAMPLE_RATE) * 1000;
  const turns: SpeakerTurn[] = [];
  for (let speaker = 0; speaker < timeline.speakers; speaker++) {
    let open = -1;
    for (let slot = 0; slot <= timeline.frames; slot++) {
      const active = slot < timeline.frames && isActive(timeline, speaker, slot);
      if (active && open < 0) open = slot;
      if (!active && open >= 0) {
        turns.push({ startMs: open * frameMs, endMs: slot * frameMs, speaker });
        open = -1;
      }
    }
  }
  turns.sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
  return holdFloor(turns, durationMs, options).map((turn) => ({
    startMs: Math.round(turn.startMs),
    endMs: Math.min(Math.round(turn.endMs), Math.round(durationMs)),
    speaker: turn.speaker,
  }));
}

function isActive(timeline: VoiceTimeline, speaker: number, slot: number): boolean {
  const own = timeline.activity[speaker * timeline.frames + slot] as number;
  let rivals = 0;
  let louder = 0;
  for (let other = 0; other < timeline.speakers; other++) {
    if (other === speaker) continue;
    const value = timeline.activity[other * timeline.frames + slot] as number;
    rivals += value;
    louder = Math.max(louder, value);
  }
  if (own >= 0.5) return true;
  return own > louder && own + rivals >= 0.5;
}

/** Drops slips, joins a voice over its own pauses, and lets it keep the floor until somebody else takes it. */
function holdFloor(turns: readonly SpeakerTurn[], durationMs: number, options: ReconstructOptions): SpeakerTurn[] {
  const kept: SpeakerTurn[] = [];
  for (const turn of turns.filter((candidate) => candidate.endMs - candidate.startMs >= options.minTurnMs)) {
    const last = kept.findLast((candidate) => candidate.speaker === turn.speaker);
    const between = last && kept.some((other) => other !== last && other.endMs > last.endMs);
    if (last && !between && turn.startMs - last.endMs <= options.holdMs) last.endMs = Math.max(last.endMs, turn.endMs);
    else kept.push({ ...turn });
  }
  for (const turn of kept) {
    const later = kept.filter((other) => other !== turn && other.endMs > turn.endMs).map((other) => other.startMs);
    const next = Math.min(durationMs, ...later);
    if (next > turn.endMs && next - turn.endMs <= options.holdMs) turn.endMs = next;
  }
  return kept;
}
