import { describe, expect, it } from "vitest";
import { type Link, linksFor, nextLink } from "./chain.ts";

const show = (link: Link) => `${link.queue} ${link.start ?? ""}-${link.end ?? ""}`;

describe("the way of an episode", () => {
  it("is one job in the simple tier, a chain in the split one, with the projection at the end", () => {
    expect(linksFor("simple", "rss_feed_fetch", undefined).map(show)).toEqual([
      "heavy rss_feed_fetch-vector_indexing",
      "projection -",
    ]);
    expect(linksFor("split", "rss_feed_fetch", undefined).map((link) => link.queue)).toEqual([
      "ingest",
      "transcribe",
      "enrich",
      "index",
      "projection",
    ]);
  });
  it("can begin later and end sooner", () => {
    expect(linksFor("split", "summarization", "gi_generation").map(show)).toEqual([
      "enrich summarization-gi_generation",
    ]);
  });
  it("goes on after each job, also when the tier has changed meanwhile", () => {
    const job = (end_stage: string, payload = {}) => ({ name: "process_episode", end_stage, payload });
    expect(nextLink("split", job("media_download"))?.queue).toBe("transcribe");
    expect(nextLink("simple", job("transcription"))).toMatchObject({ queue: "heavy", start: "transcript_cleaning" });
    expect(nextLink("split", job("vector_indexing"))?.name).toBe("project_episode");
    expect(nextLink("split", job("transcription", { last_stage: "summarization" }))).toMatchObject({
      end: "summarization",
    });
    expect(nextLink("split", job("vector_indexing", { last_stage: "vector_indexing" }))).toBeUndefined();
    expect(nextLink("split", { name: "project_episode", end_stage: null, payload: {} })).toBeUndefined();
  });
});
