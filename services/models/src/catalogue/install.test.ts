import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "@podcast/base";
import { afterEach, expect, it } from "vitest";
import type { ModelEntry } from "./catalogue.ts";
import { melFilters } from "./ctranslate2.ts";
import { installedModel, installModel, verifyModel } from "./install.ts";

const content = Buffer.from("weights ".repeat(20_000));
const temp = () => mkdtempSync(join(tmpdir(), "models-"));
const servers: Server[] = [];

function entry(hash = sha256(content)): ModelEntry {
  return {
    id: "test/model",
    capability: "vad",
    title: "Test",
    licence: "MIT",
    bytes: content.length,
    memoryMb: 1,
    files: ["model.bin"],
    sources: [{ kind: "mirror", files: { "model.bin": { path: "a/model.bin", sha256: hash } } }],
  };
}

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

it("installs from a folder, notes the hash, and finds a later change", async () => {
  const [mirror, cache] = [temp(), temp()];
  mkdirSync(join(mirror, "a"));
  writeFileSync(join(mirror, "a", "model.bin"), content);
  const model = await installModel(entry(), { cache, mirror });
  expect(model.source).toBe("mirror");
  expect(await verifyModel(model)).toEqual([]);
  writeFileSync(model.files["model.bin"] as string, Buffer.from(content).fill(0, 0, 4));
  expect(await verifyModel(model)).toEqual(["model.bin"]);
});

it("throws a wrong file away and says what each source said", async () => {
  const [mirror, cache] = [temp(), temp()];
  mkdirSync(join(mirror, "a"));
  writeFileSync(join(mirror, "a", "model.bin"), "something else");
  await expect(installModel(entry(), { cache, mirror })).rejects.toMatchObject({
    code: "MODEL_MISSING",
    message: expect.stringMatching(/mirror: .*hash/),
    hint: expect.stringContaining("models pull"),
  });
  expect(await installedModel(entry(), cache)).toBeUndefined();
  await expect(installModel(entry(), { cache, mirror, offline: true })).rejects.toThrow(/offline/);
});

it("continues a download that broke off", async () => {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, { "content-length": content.length - from });
    response.end(content.subarray(from));
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = temp();
  // What a killed process leaves behind.
  const staging = join(cache, ".staging", "test-model");
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, "model.bin.part"), content.subarray(0, 50_000));
  const model = await installModel(entry(), { cache, mirror });
  expect(model.sha256["model.bin"]).toBe(sha256(content));
  expect(ranges).toEqual(["bytes=50000-"]);
});

it("computes mel filters that cover every frequency between the ends", () => {
  const filters = melFilters();
  for (let bin = 1; bin < 200; bin++) {
    let sum = 0;
    for (let band = 0; band < 80; band++) sum += filters[band * 201 + bin] as number;
    expect(sum, `bin ${bin}`).toBeGreaterThan(0);
  }
});
