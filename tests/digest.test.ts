import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createJob } from "@podcast/platform";
import { sql } from "kysely";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tempFolder } from "./helpers/environment.ts";
import { testEngine } from "./helpers/platform.ts";
import { startDatabase, type TestDatabase } from "./helpers/servers.ts";

/** A digest on its way to people: over a real SMTP server and a real HTTP receiver, with a model that speaks the protocol. */

const SECRET = "signing-secret";
let database: TestDatabase;
let tenant: string;
const mails: { to: string[]; text: string }[] = [];
const posts: { signature: string; body: string }[] = [];
const asked: string[] = [];
let smtp: SMTPServer;
let receiver: Server;
let model: Server;
const portOf = (server: Server) => (server.address() as { port: number }).port;

beforeAll(async () => {
  database = await startDatabase();
  const run = (text: string) => sql.raw(text).execute(database.owner.db);
  tenant = (
    await database.owner.db.selectFrom("tenants").select("id").where("slug", "=", "default").executeTakeFirstOrThrow()
  ).id;
  await run(
    "INSERT INTO feeds (key, url, urls, title, next_poll_at) VALUES ('f', 'http://f/', ARRAY['http://f/'], 'The Show', now() + interval '1 day')",
  );
  await run(`INSERT INTO subscriptions (tenant_id, feed_key) VALUES ('${tenant}', 'f')`);
  await run(
    "INSERT INTO episodes (key, feed_key, guid, title, published, state) SELECT 'e' || i, 'f', 'g' || i, 'Episode ' || i, now() - i * interval '1 hour', 'done' FROM generate_series(1, 3) i",
  );
  await run(
    "INSERT INTO insights SELECT 'e' || i, 'fp', 'i1', 0, 'Insight number ' || i || ' about soil', 'claim', 0.5 + i / 10.0, 'soil', 'Ann', true FROM generate_series(1, 3) i",
  );
  await run(
    "INSERT INTO quotes (episode_key, fingerprint, id, text, speaker, start_ms, end_ms, char_start, char_end) SELECT 'e' || i, 'fp', 'q1', 'the words of ' || i, 'Ann', 1000, 2000, 0, 10 FROM generate_series(1, 3) i",
  );
  await run(
    "INSERT INTO insight_support (episode_key, fingerprint, insight_id, quote_id) SELECT 'e' || i, 'fp', 'i1', 'q1' FROM generate_series(1, 3) i",
  );

  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      let text = "";
      stream.on("data", (block: Buffer) => {
        text += block.toString();
      });
      stream.on("end", () => {
        mails.push({ to: session.envelope.rcptTo.map((one) => one.address), text });
        done();
      });
    },
  });
  smtp.listen(0, "127.0.0.1");
  await once(smtp.server, "listening");
  const collect = (use: (body: string, headers: NodeJS.Dict<string | string[]>) => string) =>
    createServer((request, response) => {
      let body = "";
      request.on("data", (block) => {
        body += block;
      });
      request.on("end", () => response.setHeader("content-type", "application/json").end(use(body, request.headers)));
    });
  receiver = collect((body, headers) => {
    posts.push({ signature: String(headers["x-podcast-signature"]), body });
    return "{}";
  });
  model = collect((body) => {
    asked.push(body);
    const answer = {
      sentences: [
        { text: "Soil was on everybody's mind.", cites: ["i1", "i2"] },
        { text: "This one rests on nothing.", cites: [] },
        { text: "And this on an insight that is not there.", cites: ["i99"] },
      ],
    };
    return JSON.stringify({
      id: "1",
      object: "chat.completion",
      created: 1,
      model: "test",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: JSON.stringify(answer) } }],
      usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 },
    });
  });
  for (const server of [receiver, model]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
});
afterAll(async () => {
  for (const server of [receiver, model]) server?.close();
  await new Promise<void>((resolve) => (smtp ? smtp.close(() => resolve()) : resolve()));
  await database?.stop();
});

async function digest(preferences: object, flags: Record<string, unknown>) {
  await database.owner.db
    .insertInto("digest_preferences")
    .values({ tenant_id: tenant, preferences: JSON.stringify(preferences) })
    .onConflict((conflict) => conflict.column("tenant_id").doUpdateSet({ preferences: JSON.stringify(preferences) }))
    .execute();
  const engine = await testEngine(database, database.url, { dataDir: tempFolder("digest"), ...flags }, { digest: 1 });
  try {
    const { id } = await createJob(database.system.db, {
      queue: "digest",
      name: "generate_digest",
      dedupe: `digest:${tenant}`,
      tenantId: tenant,
      correlationId: "digest-test",
      requestedBy: "test",
      chain: false,
    });
    const job = () => database.owner.db.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
    await expect.poll(async () => (await job()).state, { timeout: 30_000, interval: 50 }).toBe("done");
    const row = await database.owner.db
      .selectFrom("digests")
      .selectAll()
      .orderBy("created_at", "desc")
      .executeTakeFirstOrThrow();
    return {
      result: (await job()).result as { delivered: Record<string, string> },
      digest: row.artifact as { opening: unknown; episodes: unknown[] },
    };
  } finally {
    await engine.stop();
  }
}

describe("a digest is delivered", () => {
  test("by mail and signed webhook, with an opening of which every sentence cites", async () => {
    const address = `127.0.0.1:${portOf(receiver)}`;
    const { result, digest: made } = await digest(
      { email: "reader@example.com", webhook: `http://${address}/hook`, opening: true },
      {
        "smtp.url": `smtp://127.0.0.1:${(smtp.server.address() as { port: number }).port}`,
        "smtp.from": "Box <box@example.com>",
        "webhook.secret": SECRET,
        allowHosts: [address],
        "llm.preset": "custom",
        "llm.baseUrl": `http://127.0.0.1:${portOf(model)}/v1`,
        "llm.model": "test",
        "llm.apiKey": "key",
      },
    );
    expect(result.delivered).toEqual({ email: "sent", webhook: "sent" });
    expect(mails).toHaveLength(1);
    expect(mails[0]?.to).toEqual(["reader@example.com"]);
    expect(mails[0]?.text).toMatch(/Subject: Podcast digest, \d{4}-\d\d-\d\d: 3 episode/);
    expect(mails[0]?.text).toContain("Insight number 3");

    const [post] = posts;
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(post?.signature ?? "") ?? [];
    expect(createHmac("sha256", SECRET).update(`${time}.${post?.body}`).digest("hex")).toBe(mac);
    expect(Math.abs(Date.now() / 1000 - Number(time))).toBeLessThan(60);
    expect(JSON.parse(post?.body ?? "{}")).toMatchObject({ schema: 2, opening: made.opening });

    expect(asked).toHaveLength(1);
    expect(made.opening).toEqual([
      { text: "Soil was on everybody's mind.", cites: [expect.stringContaining("#"), expect.stringContaining("#")] },
    ]);
  });

  test("a mail server that is down, a webhook without a key or in a private network: named, and the digest is kept", async () => {
    const { result, digest: made } = await digest(
      { email: "reader@example.com", webhook: `http://127.0.0.1:${portOf(receiver)}/hook` },
      { "smtp.url": "smtp://127.0.0.1:1", "webhook.secret": SECRET },
    );
    expect(result.delivered.email).not.toBe("sent");
    expect(result.delivered.webhook).toBe("URL_PRIVATE");
    expect(made.episodes.length).toBe(3);
    expect(posts).toHaveLength(1);
  });
});
