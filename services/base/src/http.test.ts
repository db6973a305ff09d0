import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { HttpClient, isPublicAddress, retryAfter } from "./http.ts";
import { withRetries } from "./retry.ts";

const open: (Server | HttpClient)[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  open.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(...allowHosts: string[]): HttpClient {
  const http = new HttpClient({ allowHosts });
  open.push(http);
  return http;
}

afterEach(async () => {
  for (const one of open.splice(0))
    await (one instanceof HttpClient ? one.destroy() : new Promise((done) => one.close(done)));
});

describe("HttpClient", () => {
  it("refuses private addresses in every spelling, and names the way to allow one", async () => {
    const http = client();
    for (const url of [
      "http://127.0.0.1/",
      "http://localhost/",
      "http://10.0.0.1/",
      "http://[::1]/",
      "http://169.254.169.254/",
      "http://2130706433/",
      "http://[::ffff:192.168.1.1]/",
    ]) {
      await expect(http.get(url), url).rejects.toMatchObject({
        code: "URL_PRIVATE",
        hint: expect.stringContaining("--allow-host"),
      });
    }
    await expect(http.get("file:///etc/passwd")).rejects.toMatchObject({ code: "URL_INVALID" });
  });

  it("does not follow a redirect from an allowed host into another port of this machine", async () => {
    const secret = await serve((_request, response) => response.end("secret"));
    const front = await serve((_request, response) => response.writeHead(302, { location: `http://${secret}/` }).end());
    await expect(client(front).get(`http://${front}/`)).rejects.toMatchObject({ code: "URL_PRIVATE" });
  });

  it("keeps a name that is allowed on one port away from the others, also at the same time", async () => {
    const open = await serve((_request, response) => response.end("open"));
    const other = await serve((_request, response) => response.end("secret"));
    const [port, forbidden] = [open, other].map((host) => host.split(":")[1]);
    const http = client(`localhost:${port}`);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => http.get(`http://localhost:${i % 2 ? forbidden : port}/`)),
    );
    expect(outcomes.map((one) => one.status)).toEqual(
      Array.from({ length: 8 }, (_, i) => (i % 2 ? "rejected" : "fulfilled")),
    );
  });

  it("bounds the decoded size of a compressed body", async () => {
    const { gzipSync } = await import("node:zlib");
    const bomb = gzipSync(Buffer.alloc(5_000_000));
    const host = await serve((_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    const response = await client(host).get(`http://${host}/`);
    await expect(response.bytes(100_000)).rejects.toMatchObject({ code: "HTTP_TOO_LARGE" });
  });

  it("remembers where permanent redirects lead, and gives up on loops", async () => {
    const host = await serve((request, response) => {
      if (request.url === "/new") response.end("feed");
      else
        response
          .writeHead(request.url === "/loop" ? 302 : 301, { location: request.url === "/loop" ? "/loop" : "/new" })
          .end();
    });
    const http = client(host);
    const response = await http.get(`http://${host}/old`);
    expect(response.permanentUrl).toBe(`http://${host}/new`);
    await response.discard();
    await expect(http.get(`http://${host}/loop`)).rejects.toMatchObject({ code: "HTTP_REDIRECTS" });
  });

  it("tries again after 429 as the server asks, and not after 404", async () => {
    let calls = 0;
    const host = await serve((request, response) => {
      calls++;
      if (request.url === "/gone") response.writeHead(404).end();
      else if (calls === 1) response.writeHead(429, { "retry-after": "0" }).end();
      else response.end("ok");
    });
    const http = client(host);
    const text = await withRetries(
      async () => Buffer.from(await (await http.get(`http://${host}/`)).bytes(10)).toString(),
      { retries: 2 },
    );
    expect([text, calls]).toEqual(["ok", 2]);
    calls = 0;
    await expect(withRetries(() => http.get(`http://${host}/gone`), { retries: 3 })).rejects.toMatchObject({
      code: "HTTP_STATUS",
      status: 404,
    });
    expect(calls).toBe(1);
  });
});

describe("isPublicAddress", () => {
  it.each([
    ["8.8.8.8", true],
    ["192.168.0.1", false],
    ["100.64.0.1", false],
    ["0.0.0.0", false],
    ["2606:4700::1111", true],
    ["fc00::1", false],
    ["64:ff9b::808:808", true],
    ["64:ff9b::a00:1", false],
    ["::ffff:10.0.0.1", false],
    ["not an address", false],
  ])("%s → %s", (address, expected) => expect(isPublicAddress(address)).toBe(expected));
});

it("reads Retry-After as seconds or as a date", () => {
  expect(retryAfter("2")).toBe(2000);
  expect(retryAfter("Thu, 01 Jan 2026 00:00:10 GMT", Date.parse("2026-01-01T00:00:00Z"))).toBe(10_000);
  expect(retryAfter("soon")).toBeUndefined();
});
