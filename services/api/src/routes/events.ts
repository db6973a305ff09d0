import { PassThrough } from "node:stream";
import type { Api, ApiContext, PlatformEvent } from "../context.ts";

const BEAT_MS = 15_000;
const MOST = 200;

/** Live events by server-sent events (WHATWG HTML, 9.2): what episodes and jobs do, as it happens. */
export function eventRoutes(api: Api, { events, database, library }: ApiContext): void {
  let open = 0;
  api.get(
    "/api/events",
    {
      schema: { tags: ["Platform"], summary: "Live events (text/event-stream); Last-Event-ID goes on where it broke" },
    },
    async (request, reply) => {
      if (open >= MOST) return reply.code(503).send("too many listeners");
      open++;
      const stream = new PassThrough();
      const { principal } = request;
      let readable = await library.readable(principal);
      const feedOf = new Map<string, string | undefined>();
      const may = async (event: PlatformEvent) => {
        if (readable === undefined || principal.role === "admin" || !event.episode) return true;
        if (!feedOf.has(event.episode)) {
          const row = await database?.db
            .selectFrom("episodes")
            .select("feed_key")
            .where("key", "=", event.episode)
            .executeTakeFirst();
          feedOf.set(event.episode, row?.feed_key);
        }
        return readable.has(feedOf.get(event.episode) ?? "");
      };
      const write = (event: PlatformEvent) => {
        void may(event)
          .then((allowed) => {
            if (!allowed || stream.destroyed) return;
            const id = event.id > 0 ? `id: ${event.id}\n` : "";
            stream.write(`${id}event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
          })
          .catch(() => {});
      };
      const last = Number(request.headers["last-event-id"]);
      stream.write("retry: 2000\n\n");
      if (database && Number.isSafeInteger(last) && last > 0) {
        const missed = await database.db
          .selectFrom("job_events")
          .selectAll()
          .where("id", ">", last)
          .orderBy("id")
          .limit(500)
          .execute();
        for (const row of missed)
          write({
            id: row.id,
            kind: row.kind,
            job: row.job_id,
            episode: row.episode_key,
            from: row.from_state,
            to: row.to_state,
            stage: row.stage,
            at: row.at.toISOString(),
          });
      }
      const unsubscribe = events.subscribe(write);
      const beat = setInterval(() => {
        stream.write(": still here\n\n");
        void library.readable(principal).then(
          (now) => {
            readable = now;
          },
          () => {},
        );
      }, BEAT_MS);
      const end = () => {
        open = Math.max(0, open - 1);
        clearInterval(beat);
        unsubscribe();
        stream.destroy();
      };
      request.raw.once("close", end);
      return reply
        .type("text/event-stream")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .send(stream);
    },
  );
}
