import { describe, expect, it } from "vitest";
import { cronPattern } from "../queue/worker.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { nextInterval } from "./feeds.ts";

describe("nextInterval", () => {
  const held = { interval: 3600, failures: 0 };
  it("looks sooner at what changes, later at what does not, within bounds", () => {
    expect(nextInterval(held, { changed: true })).toBe(1800);
    expect(nextInterval(held, { changed: false })).toBe(4500);
    expect(nextInterval({ interval: 1000, failures: 0 }, { changed: true })).toBe(900);
    expect(nextInterval({ interval: 90_000, failures: 0 }, { changed: false })).toBe(86_400);
  });
  it("never undercuts the feed's ttl or the host's Retry-After", () => {
    expect(nextInterval(held, { changed: true, ttlMinutes: 120 })).toBe(7200);
    const error = { code: "HTTP_RATE_LIMITED", message: "", retryAfterS: 5000 };
    expect(nextInterval({ interval: 3600, failures: 1 }, { changed: false, error })).toBe(5000);
  });
  it("waits twice as long after each failure", () => {
    const error = { code: "HTTP_DNS", message: "" };
    expect([1, 2, 3].map((failures) => nextInterval({ interval: 3600, failures }, { changed: false, error }))).toEqual([
      1800, 3600, 7200,
    ]);
  });
});

describe("cursors", () => {
  it("come back as they were; others are refused", () => {
    expect(decodeCursor(encodeCursor(["2026-01-01T00:00:00.000Z", "ключ"]), ["date", "string"])).toEqual([
      "2026-01-01T00:00:00.000Z",
      "ключ",
    ]);
    for (const bad of ["", "!!", encodeCursor([1]), encodeCursor(["a", "b"])])
      expect(() => decodeCursor(bad, ["date", "string"])).toThrow(/not one of ours/);
  });
});

describe("cron fields", () => {
  const run = async () => {};
  it("are every value where they are left out, but for the second", () => {
    expect(cronPattern({ name: "a", run })).toBe("0 * * * * *");
    expect(cronPattern({ name: "a", run, hour: [9, 12], minute: 12 })).toBe("0 12 9,12 * * *");
    expect(cronPattern({ name: "a", run, weekday: 0, month: 1, day: 2, second: 5 })).toBe("5 * * 2 1 0");
  });
  it("are refused outside of their range", () => {
    expect(() => cronPattern({ name: "a", run, hour: 24 })).toThrow(/between 0 and 23/);
  });
});
