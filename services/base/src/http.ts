import { lookup as dnsLookup } from "node:dns";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { Agent, type Response, fetch as undiciFetch } from "undici";
import { AppError, type ErrorCode } from "./errors.ts";

/**
 * The one client for addresses that strangers control (feeds, enclosures, transcripts, redirects of them).
 * Each hop is resolved, checked and pinned: the address that was checked is the one that is connected to.
 */
export interface HttpOptions {
  /** Private hosts that may be reached: `HOST` or `HOST:PORT`. */
  allowHosts?: readonly string[];
  userAgent?: string;
  maxRedirects?: number;
  /** Longest wait for headers, and between two blocks of a body. ms */
  idleMs?: number;
}

export interface RequestOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Longest time for the whole exchange. ms */
  totalMs?: number;
}

export interface HttpResponse {
  /** Address that answered, after redirects. */
  url: string;
  status: number;
  headers: Headers;
  /** Each permanent redirect on the way led here; undefined when there was none. */
  permanentUrl: string | undefined;
  body: AsyncIterable<Uint8Array>;
  /** Whole body as bytes; HTTP_TOO_LARGE past `maxBytes` of decoded content. */
  bytes(maxBytes: number): Promise<Uint8Array>;
  /** Gives the connection back without reading on. */
  discard(): Promise<void>;
}

/** An HTTP exchange that failed, with what a retry needs to know. */
export class HttpError extends AppError {
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { status?: number; retryAfterMs?: number | undefined; hint?: string; cause?: unknown } = {},
  ) {
    super(code, message, options);
    this.name = "HttpError";
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export class HttpClient {
  readonly #options: Required<HttpOptions>;
  /** Connects to public addresses only; which it is decided at the connection's own look-up. */
  readonly #guarded: Agent;
  /** For hosts that the allow list names, port and all. */
  readonly #trusted: Agent;

  constructor(options: HttpOptions = {}) {
    this.#options = {
      allowHosts: [],
      userAgent: "PodcastAppliance/0.1",
      maxRedirects: 10,
      idleMs: 30_000,
      ...options,
    };
    const { idleMs } = this.#options;
    const common = { connections: 8, headersTimeout: idleMs, bodyTimeout: idleMs };
    this.#guarded = new Agent({ ...common, connect: { timeout: 15_000, lookup: lookupPublic } });
    this.#trusted = new Agent({ ...common, connect: { timeout: 15_000 } });
  }

  /** GET. Follows redirects itself; any status but 2xx, 206, 304 and 416 is thrown as HttpError. */
  async get(address: string, options: RequestOptions = {}): Promise<HttpResponse> {
    let url = parse(address);
    let permanent: string | undefined;
    let onlyPermanent = true;
    const deadline = options.totalMs === undefined ? undefined : AbortSignal.timeout(options.totalMs);
    const signal = AbortSignal.any([options.signal, deadline].filter((one) => one !== undefined));
    for (let hop = 0; hop <= this.#options.maxRedirects; hop++) {
      const response = await this.#fetch(url, this.#agentFor(url), options.headers ?? {}, signal);
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && response.status !== 304 && location) {
        await response.body?.cancel();
        url = parse(new URL(location, url).href);
        onlyPermanent &&= response.status === 301 || response.status === 308;
        if (onlyPermanent) permanent = url.href;
        continue;
      }
      if (!response.ok && response.status !== 304 && response.status !== 416) {
        await response.body?.cancel();
        throw statusError(url, response);
      }
      return answer(url.href, permanent, response);
    }
    throw new HttpError("HTTP_REDIRECTS", `${address} redirects more than ${this.#options.maxRedirects} times.`);
  }

  /** POST of a text. Redirects are not followed: what was sent to one host is not for another. */
  async post(address: string, body: string, options: RequestOptions = {}): Promise<void> {
    const url = parse(address);
    const deadline = options.totalMs === undefined ? undefined : AbortSignal.timeout(options.totalMs);
    const signal = AbortSignal.any([options.signal, deadline].filter((one) => one !== undefined));
    const response = await this.#fetch(url, this.#agentFor(url), options.headers ?? {}, signal, body);
    await response.body?.cancel();
    if (!response.ok) throw statusError(url, response);
  }

  async close(): Promise<void> {
    await Promise.all([this.#guarded.close(), this.#trusted.close()]);
  }

  /** Closes all connections at once, finished or not. */
  async destroy(): Promise<void> {
    await Promise.all([this.#guarded.destroy(), this.#trusted.destroy()]);
  }

  async #fetch(
    url: URL,
    dispatcher: Agent,
    headers: Record<string, string>,
    signal: AbortSignal,
    body?: string,
  ): Promise<Response> {
    try {
      return await undiciFetch(url, {
        dispatcher,
        ...(body === undefined ? {} : { method: "POST", body }),
        redirect: "manual",
        signal,
        headers: { "user-agent": this.#options.userAgent, accept: "*/*", ...headers },
      });
    } catch (error) {
      throw networkError(url, error);
    }
  }

  /** Chosen anew for each hop, so that a name allowed on one port is not reached on another. */
  #agentFor(url: URL): Agent {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    if (this.#options.allowHosts.some((entry) => entry === host || entry === `${host}:${port}`)) return this.#trusted;
    // A literal address is never looked up.
    if (isIP(host) && !isPublicAddress(host)) throw privateError(url.host);
    return this.#guarded;
  }
}

/** Resolves a name to its public addresses alone; the connection goes to what was checked. */
const lookupPublic = ((host: string, options: object, done: (...result: unknown[]) => void) => {
  dnsLookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error);
    const list = addresses as unknown as { address: string; family: number }[];
    const usable = list.filter(({ address }) => isPublicAddress(address));
    const first = usable[0];
    if (first === undefined) return done(privateError(host));
    if ((options as { all?: boolean }).all) return done(null, usable);
    return done(null, first.address, first.family);
  });
}) as unknown as typeof dnsLookup;

/** True for an address of the public internet; embedded IPv4 (mapped, NAT64, 6to4) is judged by itself. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === "ipv4") return parsed.range() === "unicast";
  const six = parsed as ipaddr.IPv6;
  if (six.isIPv4MappedAddress()) return isPublicAddress(six.toIPv4Address().toString());
  const range = six.range();
  if (range === "rfc6052") return isPublicAddress(six.toByteArray().slice(12).join("."));
  if (range === "6to4") return isPublicAddress(six.toByteArray().slice(2, 6).join("."));
  return range === "unicast";
}

function parse(address: string): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new AppError("URL_INVALID", `"${address.slice(0, 200)}" is not a web address.`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new AppError("URL_INVALID", `${url.protocol} addresses are not fetched; only http and https are.`);
  }
  return url;
}

function privateError(host: string): AppError {
  return new AppError("URL_PRIVATE", `${host} is a private address; feeds may not reach inside your network.`, {
    hint: `If you trust it: --allow-host ${host} (or ALLOW_HOSTS=${host}).`,
  });
}

function statusError(url: URL, response: Response): HttpError {
  const { status } = response;
  const code: ErrorCode =
    status === 429 ? "HTTP_RATE_LIMITED" : status >= 500 || status === 408 ? "HTTP_SERVER" : "HTTP_STATUS";
  return new HttpError(code, `${url.host} answered ${status} for ${url.pathname}`, {
    status,
    retryAfterMs: retryAfter(response.headers.get("retry-after")),
  });
}

/** Retry-After as milliseconds from now: seconds or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function networkError(url: URL, error: unknown): AppError {
  const causes: unknown[] = [];
  for (let current: unknown = error; current instanceof Error && causes.length < 5; current = current.cause)
    causes.push(current);
  const known = causes.find((cause) => cause instanceof AppError);
  if (known instanceof AppError) return known;
  const code = causes.map((cause) => (cause as NodeJS.ErrnoException).code).find((one) => one !== undefined) ?? "";
  const name = causes.map((cause) => (cause as Error).name);
  if (name.includes("TimeoutError") || /TIMEOUT|ETIMEDOUT/.test(String(code))) {
    return new HttpError("HTTP_TIMEOUT", `${url.host} did not answer in time.`, { cause: error });
  }
  if (name.includes("AbortError")) return new AppError("ABORTED", "Stopped on request.", { cause: error });
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new HttpError("HTTP_DNS", `${url.hostname} cannot be found (DNS).`, { cause: error });
  }
  return new HttpError("HTTP_NETWORK", `The connection to ${url.host} failed: ${code || (error as Error).message}`, {
    cause: error,
  });
}

function answer(url: string, permanentUrl: string | undefined, response: Response): HttpResponse {
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const block of response.body ?? []) yield block as Uint8Array;
    } catch (error) {
      throw networkError(new URL(url), error);
    }
  }
  return {
    url,
    status: response.status,
    headers: response.headers as unknown as Headers,
    permanentUrl,
    body: body(),
    async bytes(maxBytes) {
      const blocks: Uint8Array[] = [];
      let size = 0;
      for await (const block of body()) {
        size += block.byteLength;
        if (size > maxBytes) throw new HttpError("HTTP_TOO_LARGE", `${url} is larger than ${maxBytes} bytes.`);
        blocks.push(block);
      }
      return Buffer.concat(blocks);
    },
    async discard() {
      await response.body?.cancel();
    },
  };
}
