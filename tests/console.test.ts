/// <reference lib="dom" />
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SAMPLE_FEEDS } from "../examples/serve.ts";
import { openBox, type TestBox } from "./helpers/box.ts";
import { openBrowser, openPage } from "./helpers/browser.ts";
import { hasModels, ROOT, skipping } from "./helpers/environment.ts";
import { PodcastHost, rss } from "./helpers/host.ts";
import { testApi } from "./helpers/platform.ts";
import { WITHOUT_MODELS } from "./helpers/podcast.ts";
import { startDatabase } from "./helpers/servers.ts";

/** The console in Debian's Chromium, against a real box: what a person does, and what they must never meet. */

const HOSTILE = {
  script: `<script>window.stolen = 1</script><img src=x onerror="window.stolen = 2">`,
  rightToLeft: "بودكاست عن الحدائق \u202eغير مرئي",
  emoji: "Soil 🌱👩🏽‍🌾 & <b>bold</b> claims",
};

let browser: Browser;
let host: PodcastHost;

beforeAll(async () => {
  browser = await openBrowser();
  host = await PodcastHost.open();
  for (const show of ["slow-garden", "small-servers"])
    for (const file of readdirSync(join(SAMPLE_FEEDS, show)))
      host.putFile(`/${show}/${file}`, join(SAMPLE_FEEDS, show, file));
});
afterAll(async () => {
  await browser?.close();
  await host?.close();
});

const settings = () => ({
  ...(hasModels ? { WHISPER_MODEL: "whisper/tiny.en-q5_1" } : WITHOUT_MODELS),
  ALLOW_HOSTS: host.address,
  RETRY_BASE_SECONDS: "0.2",
});
const samples = () => ["slow-garden", "small-servers"].map((show) => `${host.url}/${show}/feed.xml`);

/** Waits until every episode that can be done is done. */
async function settled(box: TestBox, done: number): Promise<void> {
  await eventually(async () => {
    const { episodes } = await box.get<{ episodes: Record<string, number> }>("/api/status");
    expect(episodes.done ?? 0).toBeGreaterThanOrEqual(done);
  }, 120_000);
}

/** Also in hooks, where expect.poll does not work. */
function eventually(check: () => Promise<void>, timeout = 30_000): Promise<void> {
  return vi.waitFor(check, { timeout, interval: 200 });
}

describe("an empty box", () => {
  test("a feed is followed, seen being processed live, and its first insight read and heard: three clicks", async () => {
    host.putFile("/late/audio.mp3", join(SAMPLE_FEEDS, "slow-garden", "feed-the-soil.mp3"));
    host.put(
      "/late/feed.xml",
      rss({ title: "Late", items: [{ guid: "late-1", title: "Half-way", audio: `${host.url}/late/audio.mp3` }] }),
    );
    host.held.add("/late/audio.mp3");
    const box = await openBox({ ...settings(), SAMPLE_FEEDS: samples().join(",") });
    try {
      const { page, context, errors, foreign } = await openPage(browser, box.base);
      await page.goto("/");
      await page.getByRole("heading", { name: "This box listens to podcasts" }).waitFor();

      // Nothing is reloaded from here to the insight: what is seen comes by events.
      await page.getByRole("button", { name: "Follow the sample shows" }).click();
      await page.getByRole("region", { name: "Being processed" }).locator("article").first().waitFor();
      await page.getByRole("link", { name: "Read the first insight" }).click();
      const insight = page.locator("article.insight").first();
      await insight.waitFor();
      expect((await insight.locator("p.reading").innerText()).length).toBeGreaterThan(20);
      const play = insight.getByRole("button", { name: /^Play from/ }).first();
      const from = clockOf(await play.getAttribute("aria-label"));
      await play.click();
      await expect.poll(() => audioAt(page), { timeout: 20_000 }).toBeGreaterThan(from);
      expect(await audioAt(page)).toBeLessThan(from + 15);

      // An episode is followed live on its own page: from a download that waits half-way to its words.
      await page.getByRole("link", { name: "Feeds" }).click();
      await page.getByRole("textbox", { name: "Address of a feed" }).fill(`${host.url}/late/feed.xml`);
      await page.getByRole("button", { name: "Follow" }).click();
      await page.getByRole("link", { name: "Late" }).click({ timeout: 60_000 });
      await page.getByRole("link", { name: "Half-way" }).click({ timeout: 60_000 });
      await page.getByRole("status").getByText("downloading").waitFor({ timeout: 180_000 });
      host.release();
      if (hasModels)
        await page.getByText("They feed the plant instead of the soil").first().waitFor({ timeout: 180_000 });
      else {
        skipping(
          "a transcript that appears live",
          "there is no mirror of models; the named failure is looked at instead",
        );
        await page.getByText(/It could not be processed/).waitFor({ timeout: 60_000 });
      }
      expect(errors).toEqual([]);
      expect(foreign).toEqual([]);
      await context.close();
    } finally {
      host.release();
      await box.stop();
    }
  });
});

describe("a box with a library", () => {
  let box: TestBox;
  let episode: { key: string; feed: string; title: string };

  beforeAll(async () => {
    host.put(
      "/hostile/feed.xml",
      rss({
        title: `${HOSTILE.emoji} ${HOSTILE.script}`,
        description: HOSTILE.script,
        items: [
          {
            guid: "hostile-1",
            title: HOSTILE.script,
            description: `${HOSTILE.script} javascript:alert(1)`,
            audio: `${host.url}/slow-garden/water-less.mp3`,
            transcript: { url: `${host.url}/hostile/talk.vtt`, type: "text/vtt" },
          },
          {
            guid: "hostile-2",
            title: HOSTILE.rightToLeft,
            description: HOSTILE.emoji,
            audio: `${host.url}/slow-garden/water-less.mp3`,
            transcript: { url: `${host.url}/hostile/talk.vtt`, type: "text/vtt" },
          },
        ],
      }),
    );
    host.put(
      "/hostile/talk.vtt",
      `WEBVTT

00:00.000 --> 00:06.000
<v Mallory &lt;img src=x onerror=window.stolen=3&gt;>You should always water the garden in the morning, because &lt;script&gt;window.stolen = 4&lt;/script&gt; wet leaves invite mildew.

00:06.000 --> 00:12.000
<v Layla>We recommend mulch ${HOSTILE.emoji.replace("<b>", "&lt;b&gt;").replace("</b>", "&lt;/b&gt;").replace(" & ", " &amp; ")} because it keeps the soil wet for many days.
`,
    );
    host.put(
      "/failing/feed.xml",
      rss({
        title: "A Host in Trouble",
        items: [
          {
            guid: "failing-1",
            title: "Comes later",
            audio: `${host.url}/failing/audio.mp3`,
            transcript: { url: `${host.url}/slow-garden/water-less.vtt`, type: "text/vtt" },
          },
        ],
      }),
    );
    host.broken.add("/failing/audio.mp3");
    // Without models: published transcripts are enough here, and quick.
    box = await openBox({ ...settings(), ...WITHOUT_MODELS });
    await box.post("/api/subscriptions", { urls: [...samples(), `${host.url}/hostile/feed.xml`] });
    await settled(box, 5);
    const { items } = await box.get<{ items: (typeof episode)[] }>("/api/episodes?q=Water+Less");
    episode = items[0] as typeof episode;
    await box.post("/api/digest/generate", { days: 60 });
    await eventually(() => box.get("/api/digest/latest"));
    await eventually(async () => {
      expect((await box.get<{ hits: unknown[] }>("/api/search?q=water")).hits.length).toBeGreaterThan(0);
    });
  });
  afterAll(async () => {
    expect(await box?.stop()).toBe(0);
  });

  test("a search hit is found as it is typed, and plays from its second", async () => {
    const { page, context, errors } = await openPage(browser, box.base);
    await page.goto("/");
    await page.getByRole("heading", { name: "New" }).waitFor();
    await page.keyboard.press("/");
    await page.getByRole("searchbox", { name: "What was said" }).pressSequentially("wet leaves mildew");
    const hit = page.locator("section", { hasText: "Water Less" }).first();
    await hit.locator("mark").first().waitFor();
    const play = hit.getByRole("button", { name: /^Play Water Less/ }).first();
    const from = clockOf(await play.getAttribute("aria-label"));
    await play.click();
    await page.getByRole("region", { name: "Player" }).getByText("Water Less, Water Deeper").waitFor();
    await expect.poll(() => audioAt(page), { timeout: 20_000 }).toBeGreaterThan(from);
    // It plays on while pages change, and the transcript marks what is heard.
    await hit.getByRole("link", { name: "Water Less, Water Deeper" }).click();
    await page.locator(".heard").first().waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("the transcript seeks where it is clicked; a moment is bookmarked, noted, labelled, and found again", async () => {
    const { page, context, errors } = await openPage(browser, box.base);
    await page.goto(`/episodes/${episode.key}`);
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(() => audioAt(page)).toBeGreaterThan(0);
    const sentence = page.locator("[data-ms]").nth(2);
    const ms = Number(await sentence.getAttribute("data-ms"));
    await sentence.click();
    await expect.poll(() => audioAt(page)).toBeGreaterThanOrEqual(ms / 1000 - 0.3);
    await page
      .getByRole("button", { name: /^Pause/ })
      .first()
      .click();

    await page.getByRole("button", { name: /^Bookmark/ }).click();
    await page
      .getByRole("status")
      .getByText(/^Bookmarked/)
      .waitFor();
    await page.getByRole("textbox", { name: "New label" }).fill("garden");
    await page.getByRole("textbox", { name: "New label" }).press("Enter");
    await page.getByRole("list", { name: "Labels" }).getByText("garden").waitFor();
    await page.getByRole("tab", { name: "Notes" }).click();
    await page.getByRole("textbox", { name: "Note" }).fill("Try this in spring <b>");
    await page.getByRole("button", { name: "Keep the note" }).click();
    await page.getByText("Try this in spring <b>").waitFor();

    await page.getByRole("link", { name: "Saved" }).first().click();
    await page.getByText("Try this in spring <b>").waitFor();
    await page.getByRole("link", { name: "garden", exact: true }).waitFor();
    await page
      .getByRole("button", { name: /^Play from/ })
      .first()
      .click();
    await expect.poll(() => audioAt(page)).toBeGreaterThanOrEqual(ms / 1000 - 1);

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      (async () => {
        await page.goto(`/episodes/${episode.key}`);
        await page.getByRole("button", { name: "Export" }).click();
        await page.getByRole("menuitem", { name: "Markdown" }).click();
      })(),
    ]);
    expect(download.suggestedFilename()).toBe(`${episode.key}.md`);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("an episode goes on where it was left, also in a new visit", async () => {
    const { page, context } = await openPage(browser, box.base);
    await page.goto(`/episodes/${episode.key}`);
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(() => audioAt(page)).toBeGreaterThan(0);
    await page.getByRole("slider", { name: "Position" }).fill("14000");
    await expect.poll(() => audioAt(page)).toBeGreaterThanOrEqual(14);
    await page.getByRole("button", { name: "Pause" }).first().click();
    await page.reload();
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(() => audioAt(page)).toBeGreaterThanOrEqual(13.9);
    await context.close();
  });

  test("an operator signs in, pauses a real queue, resumes it, and gives a dead letter another life", async () => {
    const { page, context, errors } = await openPage(browser, box.base);
    await page.goto("/operate/queues");
    await page.getByLabel("Key").fill("not-the-key");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("The key is not valid.").waitFor();
    await page.getByLabel("Key").fill(box.adminKey);
    await page.getByRole("button", { name: "Sign in" }).click();

    await page.getByRole("button", { name: "Pause heavy" }).click();
    await page.getByRole("button", { name: "Resume heavy" }).waitFor();
    // Paused is paused: the episode of a new feed waits.
    await box.post("/api/subscriptions", { url: `${host.url}/failing/feed.xml` });
    const row = page.getByRole("row", { name: /^heavy/ });
    await expect
      .poll(async () => (await row.getByRole("cell").nth(1).innerText()).trim(), { timeout: 30_000 })
      .toBe("1");
    expect(await row.getByRole("cell").nth(2).innerText()).toBe("0");
    host.broken.add("/slow-garden/water-less.vtt");
    await page.getByRole("button", { name: "Resume heavy" }).click();
    // Its host is in trouble, three times: the letter appears by itself.
    const letter = page.getByRole("row", { name: /comes-later/ });
    await letter.waitFor({ timeout: 60_000 });
    host.broken.delete("/slow-garden/water-less.vtt");
    host.broken.delete("/failing/audio.mp3");
    await letter.getByRole("button", { name: /^Retry/ }).click();
    await letter.waitFor({ state: "detached" });
    await expect
      .poll(
        async () => (await box.get<{ items: { state: string }[] }>("/api/episodes?q=Comes+later")).items[0]?.state,
        {
          timeout: 60_000,
        },
      )
      .toBe("done");

    // A setting is changed, shown in the history, and taken back.
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("searchbox", { name: "Find a setting" }).fill("insights.max");
    await page.getByRole("button", { name: "Change insights.max" }).click();
    await page.getByRole("textbox", { name: "insights.max" }).fill("9");
    await page.getByRole("button", { name: "Keep" }).click();
    await page.locator("ins", { hasText: "9" }).first().waitFor();
    await page.getByRole("button", { name: "Take insights.max back" }).click();
    await page.getByRole("button", { name: "Take insights.max back" }).waitFor({ state: "detached" });
    expect(errors).toEqual([]);

    // The key is in a cookie that no script can read, and is gone after signing out.
    expect(await page.evaluate(() => document.cookie)).toBe("");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Key").waitFor();
    // A key that is no longer taken does not stand in the way of reading.
    await context.addCookies([{ name: "podcast_key", value: "pa_revoked_long-ago", url: box.base }]);
    await page.goto("/");
    await page.getByRole("heading", { name: "New" }).waitFor();
    await context.close();
  });

  test("a box that goes away is said to be away; when it is back, the page goes on by itself", async () => {
    const { page, context } = await openPage(browser, box.base);
    await page.goto("/feeds");
    await page.getByRole("heading", { name: "The Slow Garden" }).waitFor();
    await box.stop("SIGKILL");
    await page.getByRole("alert").getByText("The box does not answer").waitFor();
    // A page whose code is not here yet cannot be opened now; it is, once the box is back.
    await page.getByRole("link", { name: "Episodes" }).first().click();
    await box.start();
    await page.getByRole("alert").waitFor({ state: "detached", timeout: 30_000 });
    await page.getByRole("link", { name: "Water Less, Water Deeper" }).waitFor();
    await context.close();
  });

  test("what a feed says is text: no script runs, nothing leaves the box, each direction reads as it should", async () => {
    const { page, context, errors, foreign } = await openPage(browser, box.base, { key: box.adminKey });
    const { items } = await box.get<{ items: { key: string; title: string; feed: string }[] }>(
      "/api/episodes?limit=100",
    );
    const hostile = items.filter((one) => one.title === HOSTILE.script || one.title.startsWith("بودكاست"));
    expect(hostile).toHaveLength(2);
    const paths = [
      ...hostile.flatMap((one) => [`/episodes/${one.key}`, `/episodes/${one.key}#insights`]),
      `/feeds/${hostile[0]?.feed}`,
      ...["/", "/feeds", "/episodes", "/insights", "/graph", "/digest", "/search?q=mildew", "/operate/jobs"],
    ];
    for (const path of paths) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      await page.waitForLoadState("networkidle");
      expect(await page.evaluate(() => (window as unknown as { stolen?: number }).stolen), path).toBeUndefined();
    }
    await page.goto("/episodes");
    await page.getByText(HOSTILE.script, { exact: true }).first().waitFor();
    const arabic = page.getByRole("link", { name: /بودكاست/ });
    expect(await arabic.evaluate((node) => getComputedStyle(node).direction)).toBe("rtl");
    const answer = await page.request.get("/");
    const policy = answer.headers()["content-security-policy"] ?? "";
    const scripts = /script-src ([^;]+)/.exec(policy)?.[1] ?? "";
    expect(scripts).toContain("'self'");
    expect(scripts).not.toMatch(/unsafe|\*|https?:/);
    expect(foreign).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("axe finds nothing serious on any page, light and dark, and the keyboard reaches what the pointer does", async () => {
    const { items: jobs } = await box.get<{ items: { id: string }[] }>("/api/jobs?limit=1");
    const { nodes } = await box.get<{ nodes: { id: string }[] }>("/api/graph?type=Topic&limit=1");
    const paths = [
      "/",
      "/feeds",
      `/feeds/${episode.feed}`,
      "/episodes",
      `/episodes/${episode.key}`,
      `/episodes/${episode.key}#insights`,
      "/search?q=water",
      "/insights",
      "/graph",
      `/graph?node=${encodeURIComponent(nodes[0]?.id ?? "")}`,
      "/digest",
      "/saved",
      "/operate",
      "/operate/jobs",
      `/operate/jobs/${jobs[0]?.id}`,
      ...["queues", "workers", "models", "config", "logs", "deploy", "backups", "agent"].map(
        (name) => `/operate/${name}`,
      ),
      "/nowhere",
    ];
    const found: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      const { page, context } = await openPage(browser, box.base, { key: box.adminKey, colorScheme });
      for (const path of paths) {
        await page.goto(path);
        await page.getByRole("heading").first().waitFor();
        await expect
          .poll(() => page.locator("p[role=status]:visible", { hasText: "Reading…" }).count(), { timeout: 20_000 })
          .toBe(0);
        const { violations } = await new AxeBuilder({ page: page as never }).analyze();
        for (const { id, impact, nodes: where } of violations)
          if (impact === "serious" || impact === "critical")
            found.push(
              `${path} (${colorScheme}): ${id} ${where[0]?.html.slice(0, 160)} ${where[0]?.failureSummary?.slice(0, 200)}`,
            );
        if (colorScheme === "light")
          found.push(...(await unreachable(page)).map((name) => `${path}: Tab does not reach ${name}`));
      }
      await context.close();
    }
    expect(found).toEqual([]);
  });

  test("the first page brings at most 200 kB of script, gzipped", async () => {
    const { page, context } = await openPage(browser, box.base);
    const scripts = new Set<string>();
    page.on("request", (request) => {
      if (request.resourceType() === "script") scripts.add(new URL(request.url()).pathname);
    });
    await page.goto("/");
    await page.waitForLoadState("networkidle");
    const build = join(ROOT, "services", "console", "build");
    const bytes = [...scripts].reduce((sum, path) => sum + statSync(`${join(build, path)}.gz`).size, 0);
    process.stderr.write(`console: first page, ${scripts.size} scripts, ${(bytes / 1000).toFixed(0)} kB gzipped\n`);
    expect(scripts.size).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(200_000);
    await context.close();
  });
});

describe("telemetry", () => {
  test("web vitals go to the collector that is set, and nowhere where none is", async () => {
    const posts: string[] = [];
    const collector = createServer((request, response) => {
      response.setHeader("access-control-allow-origin", "*").setHeader("access-control-allow-headers", "*");
      let body = "";
      request.on("data", (block) => {
        body += block;
      });
      request.on("end", () => {
        if (request.method === "POST") posts.push(body);
        response.end();
      });
    });
    collector.listen(0, "127.0.0.1");
    await once(collector, "listening");
    const database = await startDatabase();
    const consoleDir = join(ROOT, "services", "console", "build");
    const url = `http://127.0.0.1:${(collector.address() as { port: number }).port}/collect`;
    const open = { "auth.apiKey": undefined };
    const [silent, watched] = [
      await testApi(database, open, { consoleDir }),
      await testApi(database, { ...open, "faro.url": url }, { consoleDir }),
    ];
    try {
      for (const { api } of [silent, watched]) {
        const base = await api.listen({ host: "127.0.0.1", port: 0 });
        const { page, context, errors, foreign } = await openPage(browser, base);
        await page.goto("/");
        await page.getByRole("heading", { name: "This box listens to podcasts" }).waitFor();
        if (api === silent.api) {
          await page.waitForLoadState("networkidle");
          expect(foreign).toEqual([]);
        } else {
          await expect.poll(() => posts.length, { timeout: 20_000 }).toBeGreaterThan(0);
          expect(posts.join()).toContain("podcast-console");
          expect(new Set(foreign)).toEqual(new Set([url]));
        }
        expect(errors).toEqual([]);
        await context.close();
      }
    } finally {
      await silent.close();
      await watched.close();
      await database.stop();
      collector.close();
      collector.closeAllConnections();
    }
  });
});

/** Seconds of "Play from 1:02: …". */
function clockOf(label: string | null): number {
  const parts = (/from ((?:\d+:)+\d\d)/.exec(label ?? "")?.[1] ?? "0:00").split(":").map(Number);
  return parts.reduce((sum, part) => sum * 60 + part, 0);
}

function audioAt(page: Page): Promise<number> {
  return page.evaluate(() => document.querySelector("audio")?.currentTime ?? -1);
}

/** Walks the page with Tab from its beginning; names what can be clicked and was never focused. */
async function unreachable(page: Page): Promise<string[]> {
  const wanted = await page.evaluate(() => {
    const all = [
      ...document.querySelectorAll<HTMLElement>("a[href], button, input, select, textarea, summary, [role=tab]"),
    ];
    return all
      .filter((node) => {
        const group = node.closest("[role=tablist], [role=radiogroup]");
        const disabled =
          (node as HTMLButtonElement).disabled ||
          node.closest("[inert], [hidden], details:not([open]) > :not(summary)");
        // Of a list of tabs one is reached by Tab, the others by the arrows.
        return (
          !disabled &&
          node.getClientRects().length > 0 &&
          getComputedStyle(node).visibility !== "hidden" &&
          !(group && node.tabIndex < 0)
        );
      })
      .map((node, at) => {
        node.dataset.wanted = String(at);
        return `${node.tagName} ${node.getAttribute("aria-label") ?? node.textContent?.trim().slice(0, 60)}`;
      });
  });
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    window.getSelection()?.removeAllRanges();
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const seen = new Set<string>();
  for (let step = 0; step < wanted.length + 40; step++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.wanted ?? "");
    if (at !== "") seen.add(at);
    if (seen.size === wanted.length) break;
  }
  return wanted.filter((_name, at) => !seen.has(String(at)));
}
