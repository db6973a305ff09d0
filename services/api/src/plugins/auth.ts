import { AppError } from "@podcast/base";
import { allows, authenticateKey, type Database, type Principal, sameText, TokenVerifier } from "@podcast/platform";
import type { FastifyRequest } from "fastify";
import type { Api, ApiContext } from "../context.ts";

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/i;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Who may do what. Three stages by configuration: nobody asks on loopback; keys; tokens of an OIDC provider. Admin
 * routes want a key (or an admin's token) in every stage.
 */
export async function installAuth(api: Api, context: ApiContext): Promise<void> {
  const { config, database } = context;
  const masterKey = config["auth.apiKey"];
  const issuer = config["oidc.issuer"];
  const open = masterKey === undefined && issuer === undefined;
  if (open && !isLoopback(config["server.host"]))
    throw new AppError("CONFIG_INVALID", `The API would be open to anybody who reaches ${config["server.host"]}.`, {
      hint: "Set AUTH_API_KEY or OIDC_ISSUER, or listen on 127.0.0.1.",
    });
  const verifier = issuer
    ? new TokenVerifier({
        issuer,
        audience: config["oidc.audience"],
        jwksUrl: config["oidc.jwksUrl"],
        roleClaim: config["oidc.roleClaim"],
        tenantClaim: config["oidc.tenantClaim"],
      })
    : undefined;
  const home = async () => (database ? ((await homeTenant(database)) ?? "") : "files");

  const authenticate = async (request: FastifyRequest, admin: boolean): Promise<Principal> => {
    const bearer = bearerOf(request);
    if (bearer !== undefined) {
      for (const key of [masterKey, context.adminKey])
        if (key !== undefined && sameText(bearer, key))
          return { actor: "key:master", tenantId: await home(), role: "admin", scopes: [] };
      if (bearer.startsWith("pa_") && database) return authenticateKey(database, bearer);
      if (verifier && database) return verifier.authenticate(database, bearer);
      throw new AppError("NOT_AUTHENTICATED", "The key is not valid.");
    }
    if (!open || admin)
      throw new AppError("NOT_AUTHENTICATED", "This needs a key.", {
        hint: open
          ? "Send Authorization: Bearer <key>; the box keeps it in admin.key of its data folder."
          : "Send Authorization: Bearer <key>.",
      });
    guardLoopback(request);
    return { actor: "local", tenantId: await home(), role: "editor", scopes: [] };
  };

  api.addHook("onRequest", async (request) => {
    const { role, scope, admin = false } = request.routeOptions.config;
    if (role === "none" || request.routeOptions.url === undefined) return;
    const write = !["GET", "HEAD", "OPTIONS"].includes(request.method);
    const principal = await authenticate(request, admin);
    const least = role ?? (admin ? "admin" : write ? "editor" : "viewer");
    if (!allows(principal, least, scope ?? (admin ? "admin" : write ? "write" : "read")))
      throw new AppError("NOT_ALLOWED", `This needs the role ${least}.`);
    request.principal = principal;
  });
}

let tenants = new WeakMap<Database, Promise<string | undefined>>();

async function homeTenant(database: Database): Promise<string | undefined> {
  let found = tenants.get(database);
  if (found === undefined) {
    found = database.db
      .selectFrom("tenants")
      .select("id")
      .where("slug", "=", "default")
      .executeTakeFirst()
      .then((row) => row?.id);
    tenants.set(database, found);
    found.catch(() => {
      tenants = new WeakMap();
    });
  }
  return found;
}

/** The key: in the header, or for what a browser loads by itself (audio, events) in a cookie. */
function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const match = /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(header);
    if (match === null) throw new AppError("NOT_AUTHENTICATED", "The Authorization header is not a bearer key.");
    return match[1];
  }
  const cookie = /(?:^|;\s*)podcast_key=([^;]{1,4096})/.exec(request.headers.cookie ?? "")?.[1];
  if (cookie === undefined) return undefined;
  // A cookie goes along with whatever page asks: it opens nothing that changes something from elsewhere.
  guardOrigin(request);
  try {
    return decodeURIComponent(cookie);
  } catch {
    return undefined;
  }
}

/** Without a key, other pages and names that only resolve to this machine (DNS rebinding) must not reach in. */
function guardLoopback(request: FastifyRequest): void {
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  if (!isLoopback(host))
    throw new AppError("NOT_ALLOWED", "Without a key this API answers to localhost only.", {
      hint: "Set AUTH_API_KEY to reach it by another name.",
    });
  guardOrigin(request);
}

function guardOrigin(request: FastifyRequest): void {
  const origin = request.headers.origin;
  if (
    origin !== undefined &&
    origin !== "null" &&
    URL.canParse(origin) &&
    new URL(origin).host === request.headers.host
  )
    return;
  const site = request.headers["sec-fetch-site"];
  const crossing = origin !== undefined || site === "cross-site" || site === "same-site";
  if (crossing && !["GET", "HEAD"].includes(request.method))
    throw new AppError("NOT_ALLOWED", "Another page may not change anything here.");
  if (site === "cross-site") throw new AppError("NOT_ALLOWED", "Another page may not read this.");
}
