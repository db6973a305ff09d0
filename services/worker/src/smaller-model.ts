import { CATALOGUE } from "@podcast/models";

/** The next smaller Whisper of the catalogue, for a machine whose memory was not enough; the smallest stays. */
export function smallerWhisper(current: string): string {
  const whispers = CATALOGUE.filter((entry) => entry.capability === "transcription").sort((a, b) => a.bytes - b.bytes);
  const held = whispers.find((entry) => entry.id === current);
  const fits = whispers.filter((entry) => held?.languages === "en" || entry.languages !== "en");
  // "auto" names none: the smallest is the answer that surely differs.
  if (held === undefined) return fits[0]?.id ?? current;
  return fits.findLast((entry) => entry.bytes < held.bytes)?.id ?? current;
}
