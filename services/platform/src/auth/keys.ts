import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { AppError } from "@podcast/base";
import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import type { Role } from "../database/schema.ts";

/** Who asks, for which tenant, and what they may do. */
export interface Principal {
  /** Stable name for audit lines: `key:laptop`, `user:<id>`, `local`. */
  actor: string;
  tenantId: string;
  role: Role;
  /** Empty: all that the role allows. */
  scopes: readonly string[];
  userId?: string;
}

const RANK: Record<Role, number> = { viewer: 0, editor: 1, admin: 2 };

export function allows(principal: Principal, role: Role, scope?: string): boolean {
  if (RANK[principal.role] < RANK[role]) return false;
  return scope === undefined || principal.scopes.length === 0 || principal.scopes.includes(scope);
}

/** The secret part has 256 bits of chance: a plain hash is enough, there is nothing to guess. */
function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Makes a key. The text is shown once; only its hash is kept. */
export async function createKey(
  database: Database,
  tenantId: string,
  key: { name: string; role: Role; scopes?: string[] | undefined; expiresAt?: Date | undefined },
): Promise<{ id: string; key: string }> {
  const prefix = randomBytes(6).toString("hex");
  const secret = randomBytes(32).toString("base64url");
  const row = await database.asTenant(tenantId, (tx) =>
    tx
      .insertInto("api_keys")
      .values({
        tenant_id: tenantId,
        name: key.name,
        prefix,
        hash: digest(secret),
        role: key.role,
        scopes: key.scopes ?? [],
        expires_at: key.expiresAt ?? null,
      })
      .returning("id")
      .executeTakeFirstOrThrow(),
  );
  return { id: row.id, key: `pa_${prefix}_${secret}` };
}

/** The principal of a key. Throws NOT_AUTHENTICATED for one that is wrong, expired or revoked: which, it does not say. */
export async function authenticateKey(database: Database, key: string): Promise<Principal> {
  const refused = new AppError("NOT_AUTHENTICATED", "The key is not valid.", {
    hint: "Keys are made at /api/admin/keys.",
  });
  const match = /^pa_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/.exec(key);
  if (match === null) throw refused;
  const { rows } = await sql<{
    id: string;
    tenant_id: string;
    name: string;
    hash: string;
    role: Role;
    scopes: string[];
    expires_at: Date | null;
    revoked_at: Date | null;
  }>`SELECT * FROM find_api_key(${match[1]})`.execute(database.db);
  const held = rows[0];
  if (held === undefined || !sameText(held.hash, digest(match[2] as string))) throw refused;
  if (held.revoked_at !== null || (held.expires_at !== null && held.expires_at.getTime() < Date.now())) throw refused;
  return { actor: `key:${held.name}`, tenantId: held.tenant_id, role: held.role, scopes: held.scopes };
}

/** Compares without telling by its time where two texts differ. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest()];
  return timingSafeEqual(left, right);
}
