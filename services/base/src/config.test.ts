import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { envExample, resolveConfig, showValue } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "config-"));
const file = (text: string) => {
  const path = join(folder, `${Math.random()}.yaml`);
  writeFileSync(path, text);
  return path;
};

it("prefers flag over environment over file over default, and knows where each value is from", () => {
  const path = file("transcription:\n  model: from-file\n  beam: 3\nlanguage: de\n");
  const { values, sources } = resolveConfig({
    env: { WHISPER_MODEL: "from-env" },
    file: path,
    flags: { language: "fr" },
  });
  expect([values["transcription.model"], values["transcription.beam"], values.language]).toEqual(["from-env", 3, "fr"]);
  expect([sources["transcription.model"], sources["transcription.beam"], sources.language, sources.allowHosts]).toEqual(
    ["environment", "file", "flag", "default"],
  );
});

it("names every mistake at once", () => {
  const path = file("transcription:\n  beam: lots\n  colour: red\nfeeds:\n  - name: no address\n");
  const attempt = () => resolveConfig({ env: { LOG_LEVEL: "loud", PODCAST_TYPO: "1" }, file: path });
  expect(attempt).toThrow(/5 mistake/);
  for (const part of [/LOG_LEVEL/, /PODCAST_TYPO/, /transcription\.beam/, /transcription\.colour/, /has no url/])
    expect(attempt).toThrow(part);
});

it("reads secrets from files and never shows them", () => {
  const secret = join(folder, "key");
  writeFileSync(secret, "sk-123\n");
  const { values } = resolveConfig({ env: { OPENAI_API_KEY_FILE: secret } });
  expect(values["keys.openai"]).toBe("sk-123");
  expect(showValue("keys.openai", "sk-123")).not.toContain("sk-123");
  expect(() => resolveConfig({ env: { LLM_BUDGET_USD: "-1", LLM_API_KEY: "sk-xyz" } })).not.toThrow(/sk-xyz/);
});

it("gives a feed of the file its own settings", () => {
  const { feeds } = resolveConfig({
    env: {},
    file: file("feeds:\n  - https://a.example/feed\n  - url: https://b.example/feed\n    select:\n      max: 2\n"),
  });
  expect(feeds).toEqual([
    { url: "https://a.example/feed", overrides: {} },
    { url: "https://b.example/feed", overrides: { "select.max": 2 } },
  ]);
});

it("writes an example with every variable", () => {
  for (const name of ["DATA_DIR", "MODEL_MIRROR", "OPENAI_API_KEY", "PODCAST_SCRAPER_CONFIG"])
    expect(envExample()).toContain(name);
});
