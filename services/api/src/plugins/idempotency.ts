import { AppError, sha256 } from "@podcast/base";
import { sql } from "kysely";
import type { Api, ApiContext } from "../context.ts";

/** A write with an `Idempotency-Key` happens once; the same request again gets the first answer. */
export function installIdempotency(api: Api, { database, logger }: ApiContext): void {
  if (database === undefined) return;
  const pending = new WeakMap<object, string>();
  api.addHook("preHandler", async (request, reply) => {
    const key = request.headers["idempotency-key"];
    if (key === undefined || request.method === "GET" || request.principal === undefined) return;
    if (typeof key !== "string" || !/^[\x21-\x7e]{1,200}$/.test(key))
      throw new AppError("REQUEST_INVALID", "The Idempotency-Key has up to 200 printable characters.");
    const hash = sha256(`${request.method} ${request.url} ${JSON.stringify(request.body ?? null)}`);
    const tenantId = request.principal.tenantId;
    const held = await database.asTenant(tenantId, async (tx) => {
      await sql`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours' AND key = ${key}`.execute(
        tx,
      );
      const row = await tx
        .insertInto("idempotency_keys")
        .values({ tenant_id: tenantId, key, request_hash: hash })
        .onConflict((conflict) => conflict.columns(["tenant_id", "key"]).doNothing())
        .returning("key")
        .executeTakeFirst();
      if (row) return undefined;
      return tx.selectFrom("idempotency_keys").selectAll().where("key", "=", key).executeTakeFirstOrThrow();
    });
    if (held === undefined) {
      pending.set(request, key);
      return;
    }
    if (held.request_hash !== hash)
      throw new AppError("REQUEST_CONFLICT", "This Idempotency-Key was used for another request.");
    if (held.status === null) throw new AppError("REQUEST_CONFLICT", "The first request with this key still runs.");
    return reply
      .code(held.status)
      .header("idempotent-replayed", "true")
      .type("application/json")
      .serializer((body: unknown) => JSON.stringify(body))
      .send(held.body ?? null);
  });
  api.addHook("onSend", async (request, reply, payload) => {
    const key = pending.get(request);
    if (key === undefined) return payload;
    pending.delete(request);
    const { tenantId } = request.principal;
    try {
      await database.asTenant(tenantId, async (tx) => {
        // What failed on our side may be tried again.
        if (reply.statusCode >= 500) await tx.deleteFrom("idempotency_keys").where("key", "=", key).execute();
        else
          await tx
            .updateTable("idempotency_keys")
            .set({ status: reply.statusCode, body: typeof payload === "string" && payload !== "" ? payload : null })
            .where("key", "=", key)
            .execute();
      });
    } catch (error) {
      logger.warn({ err: error }, "an answer was not kept for its Idempotency-Key");
    }
    return payload;
  });
}
