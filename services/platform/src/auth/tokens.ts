import { AppError } from "@podcast/base";
import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import type { Role } from "../database/schema.ts";
import type { Principal } from "./keys.ts";

export interface OidcOptions {
  issuer: string;
  audience: string | undefined;
  jwksUrl: string | undefined;
  roleClaim: string;
  tenantClaim: string;
}

const ROLES: readonly Role[] = ["admin", "editor", "viewer"];

/** Takes tokens of one OIDC provider (OpenID Connect Core 1.0; RFC 7519, RFC 7517). */
export class TokenVerifier {
  readonly #options: OidcOptions;
  #keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(options: OidcOptions) {
    this.#options = options;
  }

  /**
   * The principal of a token: its tenant and role by membership, else by its claims. Throws NOT_AUTHENTICATED for a
   * token that is wrong or expired, NOT_ALLOWED for a person without a tenant.
   */
  async authenticate(database: Database, token: string): Promise<Principal> {
    const claims = await this.#verify(token);
    const subject = claims.sub as string;
    const { rows } = await sql<{ id: string }>`
      INSERT INTO users (issuer, subject, email, name)
      VALUES (${this.#options.issuer}, ${subject}, ${textOf(claims.email)}, ${textOf(claims.name)})
      ON CONFLICT (issuer, subject) DO UPDATE SET email = excluded.email, name = excluded.name RETURNING id`.execute(
      database.db,
    );
    const userId = (rows[0] as { id: string }).id;
    const slug = textOf(claims[this.#options.tenantClaim]);
    const tenant =
      slug === null
        ? undefined
        : await database.db.selectFrom("tenants").select("id").where("slug", "=", slug).executeTakeFirst();
    const { rows: memberships } = await sql<{ tenant_id: string; role: Role }>`
      SELECT * FROM find_membership(${userId}, ${tenant?.id ?? null})`.execute(database.db);
    const membership = memberships[0];
    if (membership)
      return { actor: `user:${userId}`, tenantId: membership.tenant_id, role: membership.role, scopes: [], userId };
    const claimed = claims[this.#options.roleClaim];
    const role = ROLES.find((one) => one === claimed || (Array.isArray(claimed) && claimed.includes(one)));
    if (tenant === undefined || role === undefined)
      throw new AppError("NOT_ALLOWED", "This account belongs to no tenant here.", {
        hint: "An admin can add it as a member.",
      });
    return { actor: `user:${userId}`, tenantId: tenant.id, role, scopes: [], userId };
  }

  async #verify(token: string): Promise<JWTPayload> {
    this.#keys ??= this.#load();
    try {
      const { payload } = await jwtVerify(token, await this.#keys, {
        issuer: this.#options.issuer,
        ...(this.#options.audience ? { audience: this.#options.audience } : {}),
        // No "none", no shared secrets: a token is signed by the provider's private key or not at all.
        algorithms: ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"],
        requiredClaims: ["sub", "exp"],
      });
      return payload;
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError("NOT_AUTHENTICATED", "The token is not valid.", { cause: error });
    }
  }

  async #load(): Promise<JWTVerifyGetKey> {
    try {
      let url = this.#options.jwksUrl;
      if (url === undefined) {
        const discovery = `${this.#options.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
        const response = await fetch(discovery, { signal: AbortSignal.timeout(10_000) });
        url = ((await response.json()) as { jwks_uri?: string }).jwks_uri;
      }
      if (url === undefined) throw new Error("no jwks_uri");
      return createRemoteJWKSet(new URL(url), { timeoutDuration: 10_000 });
    } catch (error) {
      this.#keys = undefined;
      throw new AppError("NOT_AUTHENTICATED", "The identity provider cannot be reached.", { cause: error });
    }
  }
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, 400) : null;
}
