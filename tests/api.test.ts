import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { PostgresLibrary } from "@podcast/api";
import { writeJson } from "@podcast/base";
import { createKey } from "@podcast/platform";
import fc from "fast-check";
import type { InjectOptions } from "fastify";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SAMPLE_FEEDS } from "../examples/serve.ts";
import { PodcastHost } from "./helpers/host.ts";
import { MASTER_KEY, testApi } from "./helpers/platform.ts";
import { podcast } from "./helpers/podcast.ts";
import { startDatabase, type TestDatabase } from "./helpers/servers.ts";

const OTHER = "00000000-0000-4000-8000-00000000000b";
let database: TestDatabase;
let home: string;

beforeAll(async () => {
  database = await startDatabase();
  home = (
    await database.owner.db.selectFrom("tenants").select("id").where("slug", "=", "default").executeTakeFirstOrThrow()
  ).id;
  const run = (text: string) => sql.raw(text).execute(database.owner.db);
  await run(`INSERT INTO tenants (id, slug, name) VALUES ('${OTHER}', 'other', 'Other')`);
  await run(
    "INSERT INTO feeds (key, url, urls, title) VALUES ('ours', 'http://ours/', ARRAY['http://ours/'], 'Ours'), ('theirs', 'http://theirs/', ARRAY['http://theirs/'], 'Theirs')",
  );
  await run(
    "INSERT INTO episodes (key, feed_key, guid, title, published, state) SELECT 'e' || i, 'ours', 'g' || i, 'Episode ' || i, timestamptz '2026-01-01' + i * interval '1 hour', 'done' FROM generate_series(1, 25) i",
  );
  await run(
    "INSERT INTO episodes (key, feed_key, guid, title, published, state) VALUES ('secret', 'theirs', 'g', 'Secret', now(), 'done')",
  );
  await run(`INSERT INTO subscriptions (tenant_id, feed_key) VALUES ('${home}', 'ours'), ('${OTHER}', 'theirs')`);
  await run(
    "INSERT INTO insights SELECT 'e' || i, 'fp', 'i1', 0, 'Insight ' || i, 'claim', i / 100.0, 'Topic', 'Ann', true FROM generate_series(1, 25) i",
  );
  await run(
    "INSERT INTO insights VALUES ('secret', 'fp', 'i1', 0, 'Secret insight', 'claim', 1, 'Topic', 'Ann', true)",
  );
  await run(
    "INSERT INTO kg_nodes VALUES ('e1', 'fp', 'topic:a', 'Topic', 'A', '{}'), ('e1', 'fp', 'person:b', 'Person', 'B', '{}'), ('secret', 'fp', 'topic:secret', 'Topic', 'Secret', '{}'), ('secret', 'fp', 'topic:a', 'Topic', 'A', '{}')",
  );
  await run(
    "INSERT INTO kg_edges VALUES ('e1', 'fp', 0, 'MENTIONS', 'person:b', 'topic:a', '{}'), ('secret', 'fp', 0, 'MENTIONS', 'topic:a', 'topic:secret', '{}')",
  );
});
afterAll(() => database?.stop());

describe("who may do what", () => {
  test("with a key set, nothing answers without it; health does", async () => {
    const { api, close } = await testApi(database);
    try {
      const plain = await api.inject("/api/feeds");
      expect(plain.statusCode).toBe(401);
      expect(plain.headers["content-type"]).toContain("application/problem+json");
      expect(plain.json()).toMatchObject({
        status: 401,
        code: "NOT_AUTHENTICATED",
        correlation_id: expect.any(String),
      });
      expect((await api.inject("/api/health")).statusCode).toBe(200);
      for (const key of ["wrong", `pa_000000000000_${"a".repeat(43)}`, "eyJhbGciOiJub25lIn0.e30."])
        expect((await api.inject({ url: "/api/feeds", headers: { authorization: `Bearer ${key}` } })).statusCode).toBe(
          401,
        );
      expect(
        (await api.inject({ url: "/api/feeds", headers: { authorization: `Bearer ${MASTER_KEY}` } })).statusCode,
      ).toBe(200);
    } finally {
      await close();
    }
  });

  test("on loopback nothing is asked, but admin routes, other names and other pages get nothing", async () => {
    const { api, close } = await testApi(database, { "auth.apiKey": undefined });
    try {
      const local = { host: "127.0.0.1:8100" };
      expect((await api.inject({ url: "/api/feeds", headers: local })).statusCode).toBe(200);
      expect((await api.inject({ url: "/api/admin/queues", headers: local })).statusCode).toBe(401);
      expect((await api.inject({ url: "/api/feeds", headers: { host: "evil.example" } })).statusCode).toBe(403);
      const post = (headers: Record<string, string>) =>
        api.inject({
          method: "POST",
          url: "/api/bookmarks",
          headers: { ...local, ...headers },
          payload: { episode: "e1", position_ms: 1 },
        });
      expect((await post({ origin: "http://evil.example" })).statusCode).toBe(403);
      expect((await post({ "sec-fetch-site": "cross-site" })).statusCode).toBe(403);
      expect((await post({ origin: "http://127.0.0.1:8100" })).statusCode).toBe(201);
    } finally {
      await close();
    }
  });

  test("open to the network without a key is refused at the start", async () => {
    await expect(testApi(database, { "auth.apiKey": undefined, "server.host": "0.0.0.0" })).rejects.toThrow(
      /AUTH_API_KEY|open to anybody/,
    );
  });

  test("keys: roles, scopes, expiry, revocation", async () => {
    const { api, close } = await testApi(database);
    try {
      const as = (key: string, options: InjectOptions) =>
        api.inject({ ...options, headers: { ...options.headers, authorization: `Bearer ${key}` } });
      const made = await as(MASTER_KEY, {
        method: "POST",
        url: "/api/admin/keys",
        payload: { name: "reader", role: "viewer" },
      });
      const { id, key } = made.json<{ id: string; key: string }>();
      expect(made.statusCode).toBe(201);
      expect((await as(key, { url: "/api/episodes" })).statusCode).toBe(200);
      expect(
        (await as(key, { method: "POST", url: "/api/bookmarks", payload: { episode: "e1", position_ms: 0 } }))
          .statusCode,
      ).toBe(403);
      expect((await as(key, { url: "/api/admin/audit" })).statusCode).toBe(403);
      const { rows } = await sql<{ hash: string }>`SELECT hash FROM api_keys WHERE id = ${id}::uuid`.execute(
        database.owner.db,
      );
      expect(key).not.toContain(rows[0]?.hash);
      await as(MASTER_KEY, { method: "DELETE", url: `/api/admin/keys/${id}` });
      expect((await as(key, { url: "/api/episodes" })).statusCode).toBe(401);
      const old = await createKey(database.app, home, {
        name: "old",
        role: "admin",
        expiresAt: new Date(Date.now() - 1000),
      });
      expect((await as(old.key, { url: "/api/episodes" })).statusCode).toBe(401);
      const limited = await createKey(database.app, home, { name: "read only", role: "admin", scopes: ["read"] });
      expect((await as(limited.key, { url: "/api/episodes" })).statusCode).toBe(200);
      expect((await as(limited.key, { url: "/api/admin/audit" })).statusCode).toBe(403);
      const audit = await as(MASTER_KEY, { url: "/api/admin/audit" });
      expect(audit.json().items[0]).toMatchObject({ method: "DELETE", actor: "key:master", status: 204 });
      expect(audit.body).not.toContain(key);
    } finally {
      await close();
    }
  });

  test("tokens of an OIDC provider: tenant and role by claim or membership; expired, foreign and unsigned ones are refused", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const foreign = await generateKeyPair("ES256");
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "ES256", use: "sig" }] };
    const provider = createServer((request, response) => {
      const issuer = `http://127.0.0.1:${(provider.address() as { port: number }).port}`;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(request.url === "/jwks" ? jwks : { issuer, jwks_uri: `${issuer}/jwks` }));
    });
    provider.listen(0, "127.0.0.1");
    await once(provider, "listening");
    const issuer = `http://127.0.0.1:${(provider.address() as { port: number }).port}`;
    const { api, close } = await testApi(database, {
      "auth.apiKey": undefined,
      "oidc.issuer": issuer,
      "oidc.audience": "podcast",
    });
    const token = (claims: Record<string, unknown>, key = privateKey, expires = "5m") =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: "1" })
        .setIssuer(issuer)
        .setAudience("podcast")
        .setSubject("ann")
        .setExpirationTime(expires)
        .sign(key);
    const get = async (bearer: string, url = "/api/me") =>
      api.inject({ url, headers: { authorization: `Bearer ${bearer}` } });
    try {
      const ours = await get(await token({ tenant: "default", role: "editor" }));
      expect(ours.json()).toMatchObject({ tenant: home, role: "editor" });
      const theirs = await token({ tenant: "other", role: ["admin"] });
      expect((await get(theirs)).json()).toMatchObject({ tenant: OTHER, role: "admin" });
      expect((await get(theirs, "/api/episodes/secret")).statusCode).toBe(200);
      expect((await get(theirs, "/api/episodes/e1")).statusCode).toBe(404);
      expect((await get(await token({}))).statusCode).toBe(403);
      await sql`INSERT INTO memberships SELECT ${home}, id, 'viewer' FROM users WHERE subject = 'ann'`.execute(
        database.owner.db,
      );
      expect((await get(await token({}))).json()).toMatchObject({ tenant: home, role: "viewer" });
      expect((await get(await token({ tenant: "default" }, privateKey, "-1m"))).statusCode).toBe(401);
      expect((await get(await token({ tenant: "default" }, foreign.privateKey))).statusCode).toBe(401);
      const [, payload] = (await token({ tenant: "default", role: "admin" })).split(".");
      expect((await get(`${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`)).statusCode).toBe(401);
    } finally {
      await close();
      provider.close();
      provider.closeAllConnections();
    }
  });
});

describe("reading and writing", () => {
  let served: Awaited<ReturnType<typeof testApi>>;
  const send = (options: InjectOptions) =>
    served.api.inject({ ...options, headers: { authorization: `Bearer ${MASTER_KEY}`, ...options.headers } });
  beforeAll(async () => {
    served = await testApi(database);
  });
  afterAll(() => served?.close());

  test("cursors walk through everything once; nonsense is refused", async () => {
    for (const [url, total] of [
      ["/api/episodes?limit=7", 25],
      ["/api/insights?limit=7", 25],
      ["/api/feeds?limit=1", 1],
    ] as const) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: { items: { key?: string; id?: string; episode?: string }[]; next_cursor: string | null } = (
          await send({ url: `${url}${cursor ? `&cursor=${cursor}` : ""}` })
        ).json();
        seen.push(...page.items.map((item) => item.key ?? `${item.episode} ${item.id}`));
        cursor = page.next_cursor;
      } while (cursor);
      expect(new Set(seen).size, url).toBe(seen.length);
      expect(seen, url).toHaveLength(total);
    }
    for (const cursor of [
      "x",
      "W10",
      Buffer.from('["a","b","c"]').toString("base64url"),
      Buffer.from('["2026","\\u0000"]').toString("base64url"),
    ])
      expect((await send({ url: `/api/episodes?cursor=${cursor}` })).statusCode, cursor).toBe(400);
  });

  test("an ETag spares the body", async () => {
    const first = await send({ url: "/api/episodes" });
    const again = await send({ url: "/api/episodes", headers: { "if-none-match": String(first.headers.etag) } });
    expect(again.statusCode).toBe(304);
    expect(again.body).toBe("");
  });

  test("a write with an Idempotency-Key happens once", async () => {
    const write = (payload: object) =>
      send({ method: "POST", url: "/api/notes", headers: { "idempotency-key": "note-1" }, payload });
    const first = await write({ episode: "e2", body: "Once." });
    const again = await write({ episode: "e2", body: "Once." });
    expect([first.statusCode, again.statusCode]).toEqual([201, 201]);
    expect(again.json()).toEqual(first.json());
    expect(again.headers["idempotent-replayed"]).toBe("true");
    expect((await send({ url: "/api/notes?episode=e2" })).json().items).toHaveLength(1);
    expect((await write({ episode: "e2", body: "Other." })).statusCode).toBe(409);
  });

  test("a request id becomes the job's correlation id", async () => {
    const asked = await send({
      method: "POST",
      url: "/api/jobs",
      headers: { "x-request-id": "request-42-abc" },
      payload: { episode: "e3", start_stage: "summarization" },
    });
    expect(asked.statusCode).toBe(202);
    const job = (await send({ url: `/api/jobs/${asked.json().id}` })).json();
    expect(job).toMatchObject({
      correlation_id: "request-42-abc",
      state: "queued",
      start_stage: "summarization",
      queue: "heavy",
    });
    expect(job.events).toHaveLength(1);
    // The same work is not done twice.
    const again = await send({
      method: "POST",
      url: "/api/jobs",
      payload: { episode: "e3", start_stage: "summarization" },
    });
    expect(again.json()).toEqual({ id: asked.json().id, created: false });
    expect((await send({ method: "POST", url: `/api/jobs/${asked.json().id}/cancel` })).json()).toEqual({
      was: "queued",
    });
  });

  test("the graph shows a neighbourhood, and nothing of feeds that are not ours", async () => {
    const near = (await send({ url: "/api/graph?node=topic:a&depth=2" })).json();
    expect(near.nodes.map((node: { id: string }) => node.id).sort()).toEqual(["person:b", "topic:a"]);
    expect((await send({ url: "/api/graph" })).body).not.toContain("secret");
  });

  test("settings are changed with history; secrets and nonsense are refused, all mistakes at once", async () => {
    const bad = await send({
      method: "PATCH",
      url: "/api/admin/config",
      payload: { "llm.apiKey": "sk-1", "insights.max": -3, nothing: 1 },
    });
    expect(bad.statusCode).toBe(400);
    for (const name of ["llm.apiKey", "insights.max", "nothing"]) expect(bad.json().detail).toContain(name);
    expect(bad.body).not.toContain("sk-1");
    await send({ method: "PATCH", url: "/api/admin/config", payload: { "insights.max": 7 } });
    await send({ method: "PATCH", url: "/api/admin/config", payload: { "insights.max": null } });
    const history = (await send({ url: "/api/admin/config/history?key=insights.max" })).json().items;
    expect(history.map((row: { old: unknown; new: unknown }) => [row.old, row.new])).toEqual([
      [7, null],
      [null, 7],
    ]);
    const shown = await send({ url: "/api/admin/config" });
    expect(shown.body).not.toContain(MASTER_KEY);
  });

  test("OPML in, once; not an OPML is named", async () => {
    const opml =
      '<opml version="2.0"><body><outline text="g"><outline xmlUrl="http://one.example/f?a=1&amp;b=2"/></outline><outline xmlUrl="http://ours/"/></body></opml>';
    const added = await send({ method: "POST", url: "/api/subscriptions", payload: { opml } });
    expect(added.json().items.map((item: { url: string; created: boolean }) => [item.url, item.created])).toEqual([
      ["http://one.example/f?a=1&b=2", true],
      ["http://ours/", false],
    ]);
    const wrong = await send({ method: "POST", url: "/api/subscriptions", payload: { opml: "<html/>" } });
    expect(wrong.json()).toMatchObject({ status: 422, code: "OPML_INVALID" });
    const bomb = await send({
      method: "POST",
      url: "/api/subscriptions",
      payload: { opml: '<!DOCTYPE x [<!ENTITY a "b">]><opml/>' },
    });
    expect(bomb.json().code).toBe("OPML_INVALID");
  });

  test("rates are limited", async () => {
    const { api, close } = await testApi(database, { "server.rateLimit": 5 });
    const codes: number[] = [];
    for (let i = 0; i < 8; i++)
      codes.push(
        (await api.inject({ url: "/api/feeds", headers: { authorization: `Bearer ${MASTER_KEY}` } })).statusCode,
      );
    expect(codes.filter((code) => code === 429).length).toBeGreaterThanOrEqual(2);
    await close();
  });
});

describe("another tenant", () => {
  test("meets nothing of ours on any route", async () => {
    const { api, close } = await testApi(database);
    const { key } = await createKey(database.app, OTHER, { name: "other", role: "editor" });
    const own = (options: InjectOptions) =>
      api.inject({ ...options, headers: { ...options.headers, authorization: `Bearer ${MASTER_KEY}` } });
    const mark = (
      await own({ method: "POST", url: "/api/bookmarks", payload: { episode: "e5", position_ms: 5, title: "PRIVATE" } })
    ).json();
    const note = (await own({ method: "POST", url: "/api/notes", payload: { episode: "e5", body: "PRIVATE" } })).json();
    await own({ method: "PUT", url: "/api/episodes/e5/labels/PRIVATE" });
    const job = (await own({ method: "POST", url: "/api/jobs", payload: { episode: "e5" } })).json();
    const fill = (path: string) =>
      path
        .replace(
          "{key}",
          path.includes("/feeds/") || path.includes("subscriptions") || path.includes("entitlements") ? "ours" : "e5",
        )
        .replace("{id}", path.includes("bookmarks") ? mark.id : path.includes("notes") ? note.id : job.id)
        .replace("{label}", "PRIVATE")
        .replace("{queue}", "heavy")
        .replace("{capability}", "summary");
    const spec = api.swagger() as unknown as { paths: Record<string, Record<string, unknown>> };
    const before = await counts();
    let tried = 0;
    for (const [path, methods] of Object.entries(spec.paths)) {
      if (path === "/api/events") continue;
      for (const method of Object.keys(methods)) {
        const payload = path === "/api/notes/{id}" ? { body: "stolen" } : { episode: "e5", body: "x", position_ms: 1 };
        const response = await api.inject({
          method: method.toUpperCase() as "GET",
          url: fill(path),
          headers: { authorization: `Bearer ${key}` },
          ...(method === "get" ? {} : { payload }),
        });
        tried++;
        expect(response.statusCode, `${method} ${path}`).toBeLessThan(500);
        expect(response.body, `${method} ${path}`).not.toMatch(/PRIVATE|Episode 5|Insight 5|"ours"/);
      }
    }
    expect(tried).toBeGreaterThan(50);
    expect(await counts()).toEqual(before);
    await close();
  });

  async function counts() {
    const { rows } = await sql`
      SELECT (SELECT count(*)::int FROM bookmarks WHERE tenant_id = ${home}) AS bookmarks, (SELECT count(*)::int FROM notes WHERE tenant_id = ${home} AND body <> 'stolen') AS notes,
        (SELECT count(*)::int FROM labels WHERE tenant_id = ${home}) AS labels, (SELECT count(*)::int FROM subscriptions WHERE tenant_id = ${home}) AS subscriptions`.execute(
      database.owner.db,
    );
    return rows[0];
  }
});

describe("bad input", () => {
  test("every route, fuzzed from its schema: no 500, no stack, nothing of the inside", async () => {
    const { api, close } = await testApi(database);
    const spec = api.swagger() as unknown as {
      paths: Record<
        string,
        Record<
          string,
          { parameters?: { name: string; in: string }[]; requestBody?: { content: Record<string, { schema: Schema }> } }
        >
      >;
    };
    const hostile = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constantFrom(
        "",
        "\u0000",
        "'",
        "%",
        "../../etc/passwd",
        "ﷺ🎧",
        "-1",
        "1e309",
        "null",
        "2026-13-45",
        "a".repeat(5000),
        "$(id)",
        "{{x}}",
      ),
      fc.uuid(),
    );
    let requests = 0;
    for (const [path, methods] of Object.entries(spec.paths)) {
      if (path === "/api/events") continue;
      for (const [method, operation] of Object.entries(methods)) {
        const schema = operation.requestBody?.content["application/json"]?.schema;
        const names = operation.parameters ?? [];
        await fc.assert(
          fc.asyncProperty(
            fc.array(hostile, { minLength: names.length, maxLength: names.length }),
            schema ? fc.oneof(shapedLike(schema), fc.jsonValue() as fc.Arbitrary<unknown>) : fc.constant(undefined),
            async (values, body) => {
              let url = path;
              const query = new URLSearchParams();
              for (const [index, parameter] of names.entries()) {
                if (parameter.in === "path")
                  url = url.replace(`{${parameter.name}}`, encodeURIComponent(values[index] || "x"));
                else if (parameter.in === "query" && (values[index] as string).length % 2 === 0)
                  query.set(parameter.name, values[index] as string);
              }
              const response = await api.inject({
                method: method.toUpperCase() as "GET",
                url: `${url}${query.size > 0 ? `?${query}` : ""}`,
                headers: {
                  authorization: `Bearer ${MASTER_KEY}`,
                  ...(body === undefined ? {} : { "content-type": "application/json" }),
                },
                ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
              });
              requests++;
              const where = `${method} ${url} ${JSON.stringify(body)?.slice(0, 200)} → ${response.body.slice(0, 300)}`;
              expect([500, 502, 503].includes(response.statusCode), where).toBe(false);
              expect(response.body, where).not.toMatch(/node_modules|\bat .*\.ts:\d|SELECT |syntax error/);
              if (response.statusCode >= 400 && method !== "head")
                expect(response.json(), where).toMatchObject({
                  code: expect.any(String),
                  correlation_id: expect.any(String),
                });
            },
          ),
          { numRuns: 12, seed: 7 },
        );
      }
    }
    expect(requests).toBeGreaterThan(500);
    await close();
  });

  test("bodies that are too large, no JSON, of another kind; paths that do not exist", async () => {
    const { api, close } = await testApi(database);
    const post = (payload: string, type = "application/json") =>
      api.inject({
        method: "POST",
        url: "/api/notes",
        headers: { authorization: `Bearer ${MASTER_KEY}`, "content-type": type },
        payload,
      });
    expect((await post(`{"episode":"e1","body":"${"x".repeat(6_000_000)}"}`)).json()).toMatchObject({
      status: 413,
      code: "REQUEST_TOO_LARGE",
    });
    expect((await post("{")).json()).toMatchObject({ status: 400, code: "REQUEST_INVALID" });
    expect((await post("<a/>", "text/xml")).json()).toMatchObject({ status: 415 });
    expect(
      (await api.inject({ url: "/api/nothing", headers: { authorization: `Bearer ${MASTER_KEY}` } })).json(),
    ).toMatchObject({ status: 404, code: "NOT_FOUND" });
    expect(
      (
        await api.inject({
          url: `/api/episodes/${"x".repeat(2000)}`,
          headers: { authorization: `Bearer ${MASTER_KEY}` },
        })
      ).statusCode,
    ).toBeLessThan(500);
    await close();
  });
});

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown[];
  anyOf?: Schema[];
}

/** Values near what a schema wants: the right shape with hostile leaves. */
function shapedLike(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.oneof(fc.constantFrom(...schema.enum), fc.string());
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(shapedLike));
  if (schema.type === "object")
    return fc.record(
      Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, one]) => [name, shapedLike(one)])),
      { requiredKeys: [] },
    );
  if (schema.type === "array") return fc.array(shapedLike(schema.items ?? {}), { maxLength: 4 });
  if (schema.type === "integer" || schema.type === "number")
    return fc.oneof(fc.integer(), fc.double(), fc.constant(1e300), fc.string());
  if (schema.type === "boolean") return fc.oneof(fc.boolean(), fc.string());
  return fc.oneof(
    fc.string(),
    fc.constantFrom("\u0000", "e1", "http://[::1]/", "file:///etc/passwd", "a".repeat(3000)),
  );
}

describe("a listening API", () => {
  const listen = async (flags: Parameters<typeof testApi>[1] = {}) => {
    const held = await testApi(database, flags);
    const base = await held.api.listen({ host: "127.0.0.1", port: 0 });
    return { ...held, base };
  };

  test("live events: what happens is told to whom it concerns; a broken connection goes on where it was", async () => {
    const { base, close } = await listen();
    const { key: foreign } = await createKey(database.app, OTHER, { name: "listener", role: "editor" });
    const hear = async (key: string, last?: string) => {
      const controller = new AbortController();
      const response = await fetch(`${base}/api/events`, {
        headers: { authorization: `Bearer ${key}`, ...(last ? { "last-event-id": last } : {}) },
        signal: controller.signal,
      });
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      let text = "";
      void (async () => {
        for await (const block of response.body as ReadableStream<Uint8Array>) text += Buffer.from(block).toString();
      })().catch(() => {});
      return { text: () => text, end: () => controller.abort() };
    };
    const job = async (episode: string) => {
      const response = await fetch(`${base}/api/jobs`, {
        method: "POST",
        headers: { authorization: `Bearer ${MASTER_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ episode }),
      });
      return ((await response.json()) as { id: string }).id;
    };
    try {
      const [ours, theirs] = await Promise.all([hear(MASTER_KEY), hear(foreign)]);
      await expect.poll(() => ours.text() + theirs.text()).toMatch(/retry: 2000[\s\S]*retry: 2000/);
      const first = await job("e11");
      await expect.poll(ours.text).toContain(first);
      const last = /id: (\d+)\n/.exec(ours.text())?.[1];
      expect(last).toBeDefined();
      ours.end();
      // Missed while nobody listened, and told once the listener is back.
      const second = await job("e12");
      const again = await hear(MASTER_KEY, last);
      await expect.poll(again.text).toContain(second);
      expect(again.text()).not.toContain(first);
      expect(theirs.text()).not.toMatch(/e11|e12/);
      again.end();
      theirs.end();
    } finally {
      await close();
    }
  });

  test("a client that is slow with its request is cut off, and others are served meanwhile", async () => {
    const { base, close } = await listen({ "server.requestTimeoutS": 1 });
    try {
      const { port } = new URL(base);
      const slow = connect(Number(port), "127.0.0.1");
      slow.write(
        `POST /api/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${MASTER_KEY}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"epi`,
      );
      let said = "";
      slow.on("data", (block) => {
        said += block;
      });
      slow.on("error", () => {});
      const closed = once(slow, "close");
      expect((await fetch(`${base}/api/feeds`, { headers: { authorization: `Bearer ${MASTER_KEY}` } })).status).toBe(
        200,
      );
      await closed;
      expect(said).toMatch(/^HTTP\/1\.1 408/);
    } finally {
      await close();
    }
  });

  test("covers and audio come through us: pictures only, kept, with ranges even where the host has none", async () => {
    const host = await PodcastHost.open();
    host.putFile("/cover.png", join(SAMPLE_FEEDS, "slow-garden", "cover.png"));
    host.put("/cover.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>");
    host.put("/audio.mp3", Buffer.from("0123456789"));
    const { base, corpus, close } = await listen({ allowHosts: [host.address] });
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(base + path, { headers: { authorization: `Bearer ${MASTER_KEY}`, ...headers } });
    const feed = {
      schema: 1 as const,
      identity: "x",
      url: `${host.url}/feed.xml`,
      urls: [],
      title: "Ours",
      categories: [],
      people: [],
    };
    const put = async (image: string) => writeJson(corpus.layout.feedFile("ours"), { ...feed, key: "ours", image });
    try {
      await put("/cover.svg");
      expect((await get("/api/feeds/ours/cover")).status).toBe(404);
      await put("/cover.png");
      const cover = await get("/api/feeds/ours/cover");
      expect(cover.headers.get("content-type")).toBe("image/png");
      expect(cover.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
      host.broken.add("/cover.png");
      expect((await get("/api/feeds/ours/cover")).status).toBe(200);

      await writeJson(corpus.layout.episode("ours", "e1").metadata, {
        ...{ schema: 1, key: "e1", feed_key: "ours", feed_title: "Ours", guid: "g1", title: "Episode 1" },
        ...{
          transcripts: [],
          soundbites: [],
          people: [],
          feed_people: [],
          enclosure: { url: `${host.url}/audio.mp3` },
        },
      });
      const whole = await get("/api/episodes/e1/audio");
      expect([whole.status, await whole.text()]).toEqual([200, "0123456789"]);
      const part = await get("/api/episodes/e1/audio", { range: "bytes=3-5" });
      expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 3-5/10", "345"]);
      const tail = await get("/api/episodes/e1/audio", { range: "bytes=-2" });
      expect([tail.status, await tail.text()]).toEqual([206, "89"]);
      expect((await get("/api/episodes/secret/audio")).status).toBe(404);
    } finally {
      await close();
      await host.close();
    }
  });

  test("the key of a browser is kept where no script reads it, and opens nothing to another page", async () => {
    const { base, close } = await listen();
    try {
      expect((await fetch(`${base}/api/session`, { method: "POST" })).status).toBe(401);
      const opened = await fetch(`${base}/api/session`, {
        method: "POST",
        headers: { authorization: `Bearer ${MASTER_KEY}` },
      });
      const cookie = opened.headers.get("set-cookie") ?? "";
      expect(cookie).toMatch(/^podcast_key=.+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
      const headers = { cookie: cookie.split(";")[0] as string };
      expect((await fetch(`${base}/api/admin/queues`, { headers })).status).toBe(200);
      const pause = `${base}/api/admin/queues/heavy/pause`;
      expect(
        (await fetch(pause, { method: "POST", headers: { ...headers, origin: "http://evil.example" } })).status,
      ).toBe(403);
      expect(
        (await fetch(pause, { method: "POST", headers: { ...headers, "sec-fetch-site": "cross-site" } })).status,
      ).toBe(403);
      expect((await fetch(pause, { method: "POST", headers: { ...headers, origin: base } })).status).toBe(200);
      await fetch(`${base}/api/admin/queues/heavy/resume`, { method: "POST", headers: { ...headers, origin: base } });
      const gone = await fetch(`${base}/api/session`, { method: "DELETE", headers });
      expect(gone.headers.get("set-cookie")).toMatch(/^podcast_key=; .*Max-Age=0/);
    } finally {
      await close();
    }
  });
});

describe("the library's methods", () => {
  test("each of them, asked by another tenant for what is ours, finds nothing", async () => {
    const library = new PostgresLibrary(database.app);
    const other = { actor: "test", tenantId: OTHER, role: "admin" as const, scopes: [] };
    const page = { limit: 200 };
    const tries: Record<string, () => Promise<unknown>> = {
      feeds: () => library.feeds(other, page),
      feed: () => library.feed(other, "ours"),
      episodes: async () => [
        await library.episodes(other, page),
        await library.episodes(other, { ...page, feed: "ours" }),
      ],
      episode: () => library.episode(other, "e5"),
      readable: async () => [...(await library.readable(other))],
      insights: async () => [
        await library.insights(other, page),
        await library.insights(other, { ...page, feed: "ours" }),
        await library.insights(other, { ...page, episode: "e5" }),
      ],
      facets: async () => [await library.facets(other, {}), await library.facets(other, { feed: "ours" })],
      graph: async () => [
        await library.graph(other, { depth: 3, limit: 200 }),
        await library.graph(other, { node: "person:b", depth: 3, limit: 200 }),
        await library.graph(other, { node: "topic:a", depth: 3, limit: 200 }),
      ],
    };
    const methods = Object.getOwnPropertyNames(PostgresLibrary.prototype).filter((name) => name !== "constructor");
    expect(Object.keys(tries).sort(), "a new method belongs into this list").toEqual(methods.sort());
    // What stands together in an episode that is not theirs is no link of theirs either.
    await sql`INSERT INTO kg_nodes VALUES ('e2', 'fp', 'topic:secret', 'Topic', 'Secret', '{}')`.execute(
      database.owner.db,
    );
    await sql`INSERT INTO kg_nodes VALUES ('e2', 'fp', 'topic:a', 'Topic', 'A', '{}'), ('secret', 'fp', 'topic:lone', 'Topic', 'Lone', '{}'), ('e1', 'fp', 'topic:lone', 'Topic', 'Lone', '{}'), ('e1', 'fp', 'topic:secret', 'Topic', 'Secret', '{}')`.execute(
      database.owner.db,
    );
    const { edges } = await library.graph(other, { depth: 1, limit: 200 });
    expect(edges.filter(({ type }) => type === "TOGETHER").map(({ weight }) => weight)).toEqual([1, 1, 1]);
    for (const [name, run] of Object.entries(tries))
      expect(JSON.stringify(await run()) ?? "", name).not.toMatch(/"ours"|"Ours"|Episode \d|Insight \d|person:b/);
  });
});

describe("tenants on the host", () => {
  test("one is made, gets a key, reads what it is entitled to, and no longer when that is taken back", async () => {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await podcast(["tenants", ...args, "--json"], { DATABASE_URL: database.url });
      return { code, said: stderr, answer: stdout === "" ? undefined : JSON.parse(stdout) };
    };
    expect((await run("add", "Not A Slug")).code).toBe(2);
    expect((await run("add", "anna", "--name", "Anna")).code).toBe(0);
    expect((await run("add", "anna")).code).not.toBe(0);
    const { answer } = await run("key", "anna", "--role", "viewer");
    const { api, close } = await testApi(database);
    const episodes = async () => {
      const response = await api.inject({ url: "/api/episodes", headers: { authorization: `Bearer ${answer.key}` } });
      return response.json().items.length as number;
    };
    try {
      expect(await episodes()).toBe(0);
      expect((await run("entitle", "anna", "ours")).code).toBe(0);
      expect(await episodes()).toBe(25);
      expect((await run("list")).answer.tenants).toContainEqual({
        slug: "anna",
        name: "Anna",
        subscriptions: 0,
        entitlements: 1,
      });
      expect((await run("entitle", "anna", "ours", "--revoke")).code).toBe(0);
      expect(await episodes()).toBe(0);
      expect((await run("entitle", "anna", "nothing")).said).toContain("There is no feed");
    } finally {
      await close();
    }
  });
});
