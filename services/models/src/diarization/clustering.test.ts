import { describe, expect, it } from "vitest";
import { clusterVoices, normalise, type VoiceItem } from "./clustering.ts";

/** A voice as a direction with some scatter; `seed` makes it repeatable. */
function voice(direction: number[], scatter: number, seed: number): Float32Array {
  let state = seed * 2654435761;
  const noise = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return (state / 2147483648 - 0.5) * 2 * scatter;
  };
  return normalise(Float32Array.from({ length: 32 }, (_, i) => (direction[i] ?? 0) + noise()));
}

function talk(turns: number[][], scatter: number): VoiceItem[] {
  return turns.flatMap((locals, window) =>
    locals.map((who, local) => ({
      window,
      local,
      seconds: 3,
      embedding: voice([who === 0 ? 1 : 0.75, who === 1 ? 0.7 : 0], scatter, window * 7 + local + 1),
    })),
  );
}

const options = { minSeconds: 1.2, independentWindows: 4 };

describe("clusterVoices", () => {
  it("keeps one voice one, however it scatters", () => {
    expect(
      new Set(
        clusterVoices(
          talk(
            Array.from({ length: 30 }, () => [0]),
            0.08,
          ),
          options,
        ).labels,
      ).size,
    ).toBe(1);
  });

  it("tells alike voices apart that one window hears side by side", () => {
    const { labels } = clusterVoices(
      talk(
        Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? [0, 1] : [1, 0])),
        0.05,
      ),
      options,
    );
    expect(new Set(labels).size).toBe(2);
  });

  it("obeys a known number of speakers", () => {
    expect(
      new Set(
        clusterVoices(
          talk(
            Array.from({ length: 12 }, (_, i) => [i % 2]),
            0.05,
          ),
          { ...options, speakers: 1 },
        ).labels,
      ).size,
    ).toBe(1);
  });

  it("takes silence and a single short voice", () => {
    expect(clusterVoices([], options).labels).toEqual([]);
    expect(clusterVoices([{ window: 0, local: 0, seconds: 0.4, embedding: voice([1], 0, 1) }], options).labels).toEqual(
      [0],
    );
  });
});
