import type { Episode } from "@podcast/corpus";
import { describe, expect, it } from "vitest";
import { asSpelt, metadataNames } from "./names.ts";

describe("asSpelt", () => {
  it("takes the feed's spelling where a name sounds like it", () => {
    expect(asSpelt("Sophie Laronne", ["Sophie Laurent"])).toBe("Sophie Laurent");
    expect(asSpelt("Maya", ["Maya Koster"])).toBe("Maya Koster");
  });
  it("finds two names that were heard as one word", () => {
    expect(asSpelt("Prioner", ["Ethan Park", "Priya Nair"])).toBe("Priya Nair");
    expect(asSpelt("Priinare", ["Priya Nair"])).toBe("Priya Nair");
  });
  it("leaves what is another name", () => {
    expect(asSpelt("Daniel", ["Priya Nair"])).toBe("Daniel");
    expect(asSpelt("Marco Silva", ["Maya Koster"])).toBe("Marco Silva");
  });
});

describe("metadataNames", () => {
  it("leaves out what somebody is before who it is", () => {
    const episode = {
      people: [],
      feed_people: [],
      title: "On-Call",
      description: "SRE Priya Nair explains alert hygiene.",
    };
    expect(metadataNames(episode as unknown as Episode)).toEqual(["Priya Nair"]);
  });
});
