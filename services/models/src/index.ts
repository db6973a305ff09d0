export * from "./audio/pcm.ts";
export * from "./diarization/diarizer.ts";
export type { Diarization } from "./diarization/diarize.ts";
export type { SpeakerTurn } from "./diarization/reconstruct.ts";
export * from "./embedding/embedder.ts";
