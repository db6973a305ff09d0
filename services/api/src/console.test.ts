import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { contentPolicy } from "./console.ts";
import { logQuery } from "./routes/admin/logs.ts";

test("the policy of the page names its own inline scripts by hash, and allows no others", () => {
  const script = "window.x = 1";
  const html = `<script type="module" src="/a.js"></script><script>${script}</script>`;
  const policy = contentPolicy(html, undefined);
  expect(policy).toContain(`script-src 'self' 'sha256-${createHash("sha256").update(script).digest("base64")}';`);
  expect(policy).not.toMatch(/script-src[^;]*(?:unsafe|\*)/);
  expect(policy).toContain("connect-src 'self';");
});

test("only a collector that is set may be reached beside the box", () => {
  expect(contentPolicy("", "https://faro.example:12347/collect")).toContain(
    "connect-src 'self' https://faro.example:12347;",
  );
});

test("a person's text stays a text in LogQL", () => {
  expect(logQuery({ q: 'x" | json | line_format "{{.secret}}' })).toBe(
    '{service=~".+"} |= "x\\" | json | line_format \\"{{.secret}}"',
  );
  expect(logQuery({ service: "api", level: "warn", correlation_id: "abc-1" })).toBe(
    '{service="api",level=~"warn|error|fatal"} | correlation_id="abc-1"',
  );
});
