import { createHmac } from "node:crypto";
import { AppError, type Config, type Logger, toAppError } from "@podcast/base";
import {
  type Corpus,
  composeDigest,
  type DigestInsight,
  type DigestMaterial,
  DigestPreferences,
  decodeVector,
  digestItemKey,
  type TenantDigest,
  tenantDigestText,
} from "@podcast/corpus";
import type { LanguageModel } from "@podcast/pipeline";
import type { Database } from "@podcast/platform";
import { sql } from "kysely";
import { createTransport } from "nodemailer";
import { z } from "zod";
import type { JobKind, WorkContext } from "./job.ts";

/** A tenant's digest of what was finished since: composed, kept, delivered. */
export const generateDigest: JobKind = {
  name: "generate_digest",
  async run(context: WorkContext) {
    const { job, database, corpus, config, languageModel, logger, signal } = context;
    const tenant = job.tenant_id as string;
    const preferences = await readPreferences(database, tenant);
    const days = typeof job.payload.days === "number" ? job.payload.days : preferences.days;
    const until = new Date();
    const since = new Date(until.getTime() - days * 86_400_000);
    const material = await gather(database, corpus, tenant, since, until);
    const digest = composeDigest(material, preferences);
    if (preferences.opening) {
      const opening = await writeOpening(languageModel, digest, signal).catch((error) => {
        // A digest without an opening is still a digest.
        logger.warn({ code: toAppError(error).code }, "the digest's opening was not written");
        return [];
      });
      digest.opening = opening;
    }
    const id = crypto.randomUUID();
    const delivered = await deliver(digest, preferences, { config, logger, context });
    return {
      result: { digest: id, episodes: digest.episodes.length, clusters: digest.clusters.length, delivered },
      commit: async (tx) => {
        await tx
          .insertInto("digests")
          .values({
            id,
            tenant_id: tenant,
            since: since.toISOString(),
            until: until.toISOString(),
            artifact: JSON.stringify(digest),
          })
          .execute();
        for (const { feed, watermark } of digest.inbox)
          await tx
            .insertInto("cursors")
            .values({ tenant_id: tenant, feed_key: feed, watermark })
            .onConflict((conflict) => conflict.columns(["tenant_id", "feed_key"]).doUpdateSet({ watermark }))
            .execute();
      },
    };
  },
};

async function readPreferences(database: Database, tenant: string): Promise<DigestPreferences> {
  const row = await database.db
    .selectFrom("digest_preferences")
    .select("preferences")
    .where("tenant_id", "=", tenant)
    .executeTakeFirst();
  return DigestPreferences.parse(row?.preferences ?? {});
}

async function gather(
  database: Database,
  corpus: Corpus,
  tenant: string,
  since: Date,
  until: Date,
): Promise<DigestMaterial> {
  return database.asTenant(tenant, async (tx) => {
    // What counts is when an episode was finished here: one that waited for its transcript is new, too.
    const { rows: episodes } = await sql<{
      episode: string;
      feed: string;
      feed_title: string;
      title: string;
      published: Date;
      duration_ms: number | null;
      link: string | null;
      paragraph: string | null;
      flags: string[];
    }>`
      SELECT e.key AS episode, e.feed_key AS feed, f.title AS feed_title, e.title, e.published, e.duration_ms, e.link, s.paragraph, e.flags
      FROM episodes e JOIN feeds f ON f.key = e.feed_key LEFT JOIN summaries s ON s.episode_key = e.key
      WHERE e.state = 'done' AND e.state_since BETWEEN ${since} AND ${until} AND e.feed_key IN (SELECT key FROM readable_feeds)
      ORDER BY e.published DESC LIMIT 500`.execute(tx);
    const keys = episodes.map((row) => row.episode);
    const { rows: insights } = await sql<{
      id: string;
      episode: string;
      text: string;
      type: string;
      salience: number;
      topic: string | null;
      speaker: string | null;
      quote: string;
      start_ms: number;
      end_ms: number;
    }>`
      SELECT DISTINCT ON (i.episode_key, i.id) i.id, i.episode_key AS episode, i.text, i.type, i.salience, i.topic, i.speaker,
        q.text AS quote, q.start_ms, q.end_ms
      FROM insights i
      JOIN insight_support s ON s.episode_key = i.episode_key AND s.fingerprint = i.fingerprint AND s.insight_id = i.id
      JOIN quotes q ON q.episode_key = s.episode_key AND q.fingerprint = s.fingerprint AND q.id = s.quote_id
      WHERE i.episode_key = ANY(${keys}::text[]) ORDER BY i.episode_key, i.id, q.start_ms`.execute(tx);
    const { rows: nodes } = await sql<{ episode: string; type: string; label: string }>`
      SELECT episode_key AS episode, type, label FROM kg_nodes
      WHERE episode_key = ANY(${keys}::text[]) AND type IN ('Topic', 'Person', 'Organization', 'Organisation')`.execute(
      tx,
    );
    const { rows: before } = await sql<{ topic: string; count: number }>`
      SELECT lower(i.topic) AS topic, count(*)::int AS count FROM insights i JOIN episodes e ON e.key = i.episode_key
      WHERE i.topic IS NOT NULL AND e.state_since < ${since} AND e.feed_key IN (SELECT key FROM readable_feeds)
      GROUP BY lower(i.topic)`.execute(tx);
    const { rows: cursors } = await sql<{ feed: string; watermark: Date }>`
      SELECT feed_key AS feed, watermark FROM cursors WHERE tenant_id = app_tenant()`.execute(tx);
    const labels = (episode: string, types: readonly string[]) =>
      nodes.filter((node) => node.episode === episode && types.includes(node.type)).map((node) => node.label);
    const vectors = new Map<string, Float32Array>();
    for (const { episode, feed } of episodes) {
      const chunks = await corpus
        .open({ feed, episode })
        .chunks()
        .catch(() => undefined);
      for (const [position, chunk] of (chunks?.chunks ?? []).entries()) {
        const encoded = chunks?.vectors?.[position];
        if (chunk.kind === "insight" && encoded) vectors.set(`${episode} ${chunk.text}`, decodeVector(encoded));
      }
    }
    return {
      since: since.toISOString(),
      until: until.toISOString(),
      episodes: episodes.map((row) => ({
        episode: row.episode,
        feed: row.feed,
        feedTitle: row.feed_title,
        title: row.title,
        published: row.published.toISOString(),
        durationMs: row.duration_ms,
        link: row.link,
        paragraph: row.paragraph ?? "",
        flags: row.flags,
        topics: labels(row.episode, ["Topic"]),
        people: labels(row.episode, ["Person"]),
        organisations: labels(row.episode, ["Organization", "Organisation"]),
      })),
      insights: insights.map(
        (row): DigestInsight => ({
          id: row.id,
          episode: row.episode,
          text: row.text,
          type: row.type,
          salience: row.salience,
          topic: row.topic,
          speaker: row.speaker,
          quote: row.quote,
          startMs: row.start_ms,
          endMs: row.end_ms,
          vector: vectors.get(`${row.episode} ${row.text}`),
        }),
      ),
      before: new Map(before.map((row) => [row.topic, row.count])),
      watermarks: new Map(cursors.map((row) => [row.feed, row.watermark.toISOString()])),
    };
  });
}

const Opening = z.object({ sentences: z.array(z.object({ text: z.string(), cites: z.array(z.string()) })) });

/** An opening in a model's words; a sentence that cites no insight of the digest is dropped. */
async function writeOpening(
  model: LanguageModel,
  digest: TenantDigest,
  signal: AbortSignal,
): Promise<TenantDigest["opening"]> {
  const items = digest.episodes.flatMap((episode) => episode.items).slice(0, 20);
  if (items.length === 0) return [];
  const names = new Map(items.map((item, index) => [`i${index + 1}`, digestItemKey(item)]));
  const answer = await model.ask({
    capability: "summary",
    system:
      "Write an opening of at most five sentences for a digest of podcast insights. Each sentence cites the ids of the insights that it " +
      "rests on. Say nothing that they do not say. Answer with JSON: {sentences: [{text, cites}]}.",
    material: items.map((item, index) => `i${index + 1}: ${item.text}`).join("\n"),
    schema: Opening,
    signal,
  });
  return answer.value.sentences.flatMap(({ text, cites }) => {
    const real = cites.flatMap((cite) => names.get(cite.trim()) ?? []);
    return real.length > 0 && text.trim() !== "" ? [{ text: text.trim(), cites: real }] : [];
  });
}

/**
 * By mail and by webhook, where the tenant wants it. Says how each went: a mail server that is down costs nobody the
 * digest, and a second try would send a second mail.
 */
async function deliver(
  digest: TenantDigest,
  preferences: DigestPreferences,
  { config, logger, context }: { config: Config; logger: Logger; context: WorkContext },
): Promise<Record<string, string>> {
  const ways: Record<string, () => Promise<void>> = {};
  const { email, webhook } = preferences;
  if (email)
    ways.email = async () => {
      if (config["smtp.url"] === undefined)
        throw new AppError("CONFIG_INVALID", "A digest by mail is wanted, but SMTP_URL is not set.");
      const mail = createTransport(config["smtp.url"]);
      await mail.sendMail({
        from: config["smtp.from"],
        to: email,
        subject: `Podcast digest, ${digest.until.slice(0, 10)}: ${digest.episodes.length} episode(s)`,
        text: tenantDigestText(digest),
      });
      mail.close();
    };
  if (webhook)
    ways.webhook = async () => {
      const body = JSON.stringify(digest);
      await context.http.post(webhook, body, {
        headers: { "content-type": "application/json", ...signature(body, config["webhook.secret"]) },
        signal: context.signal,
        totalMs: 20_000,
      });
    };
  const delivered: Record<string, string> = {};
  for (const [name, send] of Object.entries(ways)) {
    try {
      await send();
      delivered[name] = "sent";
    } catch (error) {
      const { code, message } = toAppError(error);
      delivered[name] = code;
      logger.error({ code }, `the digest was not sent by ${name}: ${message}`);
    }
  }
  return delivered;
}

/** Signature of a webhook: HMAC-SHA256 over time and body, so that neither can be changed nor sent again later. */
export function signature(body: string, secret: string | undefined, now = Date.now()): Record<string, string> {
  if (secret === undefined) throw new AppError("CONFIG_INVALID", "A webhook needs WEBHOOK_SECRET to be signed with.");
  const time = Math.floor(now / 1000);
  const mac = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  return { "x-podcast-signature": `t=${time},v1=${mac}` };
}
