import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Debian's Chromium, without a window. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH ?? PATHS.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error("There is no Chromium: apt-get install chromium.");
  // The sandbox wants a user namespace, which containers and root do not have.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });
}

/** What a page did that it should not: errors, broken policies, requests that leave its origin. */
export interface Watched {
  page: Page;
  context: BrowserContext;
  errors: string[];
  foreign: string[];
}

export async function openPage(
  browser: Browser,
  base: string,
  options: Parameters<Browser["newContext"]>[0] & { key?: string } = {},
): Promise<Watched> {
  const { key, ...context } = options;
  const opened = await browser.newContext({ viewport: { width: 1280, height: 860 }, baseURL: base, ...context });
  const page = await opened.newPage();
  page.setDefaultTimeout(20_000);
  const errors: string[] = [];
  const foreign: string[] = [];
  page.on("pageerror", (error) => errors.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    // The browser itself notes each answer that is no success; pages that expect one say so in words.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      errors.push(`${page.url()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !/^(?:data|blob):/.test(request.url())) foreign.push(request.url());
  });
  if (key !== undefined) {
    const answer = await opened.request.post(`${base}/api/session`, { headers: { authorization: `Bearer ${key}` } });
    if (!answer.ok()) throw new Error(`The key was not taken: HTTP ${answer.status()}`);
  }
  return { page, context: opened, errors, foreign };
}
