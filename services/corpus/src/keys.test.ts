import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { episodeKey, feedKey, nodeId, slugify } from "./keys.ts";
import { CodePoints, pointCount } from "./text.ts";

describe("keys", () => {
  it("are path-safe, stable and never empty for any title and guid", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (title, guid) => {
        const key = episodeKey(title, "feed", guid);
        expect(key).toBe(episodeKey(title, "feed", guid));
        expect(key).toMatch(/^[\p{L}\p{M}\p{N}-]+$/u);
        expect(Buffer.byteLength(key)).toBeLessThan(200);
      }),
    );
  });

  it("keep what differs apart", () => {
    const keys = [
      episodeKey("Hello", "feed-a", "1"),
      episodeKey("Hello", "feed-b", "1"),
      episodeKey("Hello", "feed-a", "2"),
      episodeKey("你好世界", "feed-a", "3"),
      episodeKey("Владимир", "feed-a", "4"),
      episodeKey("🎙️🔥", "feed-a", "5"),
      episodeKey("x".repeat(300), "feed-a", "6"),
      episodeKey("x".repeat(301), "feed-a", "7"),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[3]).toMatch(/^你好世界-/);
    expect(keys[5]).toMatch(/^episode-/);
    expect(feedKey("", "https://a")).toMatch(/^feed-/);
  });

  it("give every topic its own node id in any script", () => {
    expect(nodeId("topic", "机器学习")).not.toBe(nodeId("topic", "深度学习"));
    expect(nodeId("person", "Владимир")).toBe("person:владимир");
    expect(slugify("Trail Building")).toBe("trail-building");
  });
});

describe("CodePoints", () => {
  it("slices like an array of code points", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(60), fc.nat(60), (text, a, b) => {
        const points = [...text];
        const [start, end] = [Math.min(a, b, points.length), Math.min(Math.max(a, b), points.length)];
        const bridge = new CodePoints(text);
        expect(bridge.length).toBe(pointCount(text));
        expect(bridge.slice(start, end)).toBe(points.slice(start, end).join(""));
        expect(bridge.toPoint(bridge.toUnit(start))).toBe(start);
      }),
    );
  });
});
