import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readOpml } from "./opml.ts";
import { type FeedItem, parseFeed } from "./parse-feed.ts";
import { selectEpisodes } from "./select-episodes.ts";

const bytes = (text: string) => Buffer.from(text);
const rss = (channel: string) =>
  `<?xml version="1.0"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:podcast="https://podcastindex.org/namespace/1.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Show</title>${channel}</channel></rss>`;

describe("parseFeed", () => {
  it("reads iTunes and Podcasting 2.0", () => {
    const feed = parseFeed(
      bytes(
        rss(`<itunes:author>Ann Lee</itunes:author><podcast:guid>g</podcast:guid><podcast:person role="Host">Ann Lee</podcast:person><itunes:new-feed-url>https://new.example/f</itunes:new-feed-url><atom:link rel="next" href="?page=2"/>
        <item><title>One &amp; two</title><guid>1</guid><pubDate>Fri, 02 Jan 2026 10:00:00 GMT</pubDate><description><![CDATA[<p>Hello <b>you</b></p>]]></description>
        <enclosure url="/a.mp3" length="10" type="audio/mpeg"/><itunes:duration>1:02:03</itunes:duration><podcast:season>2</podcast:season>
        <podcast:transcript url="t.vtt" type="text/vtt"/><podcast:chapters url="c.json" type="application/json+chapters"/><podcast:soundbite startTime="3.5" duration="2">bite</podcast:soundbite><podcast:person role="guest">Bo</podcast:person></item>`),
      ),
      "https://pod.example/feed/",
    );
    expect(feed).toMatchObject({
      author: "Ann Lee",
      guid: "g",
      newUrl: "https://new.example/f",
      nextUrl: "https://pod.example/feed/?page=2",
      people: [{ name: "Ann Lee", role: "host" }],
    });
    expect(feed.items[0]).toMatchObject({
      title: "One & two",
      description: "Hello you",
      published: "2026-01-02T10:00:00.000Z",
      durationMs: 3_723_000,
      enclosure: { url: "https://pod.example/a.mp3", bytes: 10 },
      transcripts: [{ url: "https://pod.example/feed/t.vtt", type: "text/vtt" }],
      soundbites: [{ startMs: 3500, durationMs: 2000, title: "bite" }],
      people: [{ name: "Bo", role: "guest" }],
      season: 2,
    });
  });

  it("reads Atom", () => {
    const feed = parseFeed(
      bytes(
        `<feed xmlns="http://www.w3.org/2005/Atom"><title>Atom show</title><link rel="next" href="https://a.example/2"/><entry><title>E</title><id>urn:1</id><published>2026-01-01T00:00:00Z</published><link rel="enclosure" href="https://a.example/e.mp3" type="audio/mpeg" length="5"/></entry></feed>`,
      ),
      "https://a.example/",
    );
    expect(feed).toMatchObject({
      title: "Atom show",
      nextUrl: "https://a.example/2",
      items: [{ guid: "urn:1", enclosure: { url: "https://a.example/e.mp3" } }],
    });
  });

  it("keeps two episodes of one guid, one of an item given twice, and gives a guid to those without", () => {
    const item = (title: string, url: string, guid = "<guid>same</guid>") =>
      `<item><title>${title}</title>${guid}<enclosure url="${url}" type="audio/mpeg"/></item>`;
    const feed = parseFeed(
      bytes(rss(item("A", "/a.mp3") + item("B", "/b.mp3") + item("A", "/a.mp3") + item("C", "/c.mp3", ""))),
      "https://x.example/",
    );
    expect(feed.items.map((one) => one.title)).toEqual(["A", "B", "C"]);
    expect(new Set(feed.items.map((one) => one.guid)).size).toBe(3);
  });

  it("reads old encodings, and a date that is none as no date", () => {
    const latin = Buffer.from(
      rss("<item><title>caf\u00e9</title><pubDate>someday</pubDate></item>").replace("?>", ' encoding="ISO-8859-1"?>'),
      "latin1",
    );
    expect(parseFeed(latin, "https://x.example/").items[0]).toMatchObject({ title: "café" });
    expect(parseFeed(latin, "https://x.example/").items[0]?.published).toBeUndefined();
    const utf16 = Buffer.concat([
      Buffer.from([0xff, 0xfe]),
      Buffer.from(rss("<item><title>你好</title></item>"), "utf16le"),
    ]);
    expect(parseFeed(utf16, "https://x.example/").items[0]?.title).toBe("你好");
  });

  it("names what is wrong with what is no feed", () => {
    const code = (text: string) => {
      try {
        parseFeed(bytes(text), "https://x.example/");
        return "read";
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    expect(code("<!doctype html><html><body>Not found</body></html>")).toBe("FEED_NOT_XML");
    expect(code("")).toBe("FEED_INVALID");
    expect(code("just text")).toBe("FEED_NOT_XML");
    expect(
      code(
        '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><rss><channel><title>&lol2;</title></channel></rss>',
      ),
    ).toBe("FEED_DOCTYPE");
    expect(code("<rss><channel><title>cut o")).not.toBe(undefined);
  });

  it("reads or refuses any mangled feed with one of our errors", () => {
    const good = rss(
      "<item><title>One</title><guid>1</guid><enclosure url='/a.mp3' length='1' type='audio/mpeg'/><itunes:duration>10</itunes:duration></item>",
    );
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(40), fc.string({ unit: "binary" }), (at, length, junk) => {
        try {
          for (const item of parseFeed(bytes(good.slice(0, at) + junk + good.slice(at + length)), "https://x.example/")
            .items)
            expect(item.guid).not.toBe("");
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^FEED_/);
        }
      }),
    );
  });
});

describe("selectEpisodes", () => {
  const items = ["2026-01-03", "2026-01-01", undefined, "2026-01-02"].map(
    (day, i) =>
      ({
        guid: String(i),
        title: `Episode ${i}`,
        ...(day ? { published: `${day}T00:00:00.000Z` } : {}),
        transcripts: [],
        soundbites: [],
        people: [],
      }) as FeedItem,
  );
  const all = {
    "select.since": undefined,
    "select.until": undefined,
    "select.order": "newest",
    "select.offset": 0,
    "select.max": undefined,
    "select.title": undefined,
  } as const;
  const ids = (selection: object) =>
    selectEpisodes(items, { ...all, ...selection }, new Date("2026-01-04T00:00:00Z")).map((item) => item.guid);
  it.each([
    [{}, ["0", "3", "1", "2"]],
    [{ "select.order": "oldest" }, ["1", "3", "0", "2"]],
    [{ "select.since": "2026-01-02" }, ["0", "3"]],
    [{ "select.until": "2026-01-02" }, ["3", "1"]],
    [{ "select.since": "2d" }, ["0", "3"]],
    [{ "select.offset": 1, "select.max": 2 }, ["3", "1"]],
    [{ "select.title": "[13]$" }, ["3", "1"]],
  ])("%j → %j", (selection, expected) => expect(ids(selection)).toEqual(expected));
});

it("reads nested OPML and refuses what is none", () => {
  const opml = `<opml version="2.0"><body><outline text="News"><outline type="rss" text="A" xmlUrl="https://a.example/f"/></outline><outline type="rss" text="B" xmlUrl="https://b.example/f"/><outline type="rss" text="A again" xmlUrl="https://a.example/f"/></body></opml>`;
  expect(readOpml(bytes(opml))).toEqual(["https://a.example/f", "https://b.example/f"]);
  expect(() => readOpml(bytes("<html></html>"))).toThrow(/OPML/);
});
