import { type Bytes, concat } from "./bytes.js";
import { refuse } from "./errors.js";
import { isObject, type JsonObject, readObject } from "./json.js";

/** An issuer's public keys (RFC 7517, section 5). */
export interface JwkSet {
  /** Those that verify nothing here are passed over. */
  readonly keys: readonly JsonWebKey[];
}

const limit = 256 << 10; // bytes of an answer
const patience = 10_000; // ms for an answer
const pause = 60_000; // ms from one question for an unknown key to the next
const retry = 5_000; // ms from a question that failed to the next
const longest = 3_600_000; // ms that a set is believed: a key that the issuer took back counts so much longer

/** The keys that stand at an address of the issuer, fetched when somebody needs them and kept for an hour. */
export class KeySet {
  #keys: JsonObject[] = [];
  #fetched = -Infinity;
  #asked = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(
    readonly address: URL | string,
    readonly fetch: typeof globalThis.fetch,
    readonly now: () => number,
  ) {
    if (!isSafe(address)) refuse("assertion", `whoever is on the way to ${address} could change the keys: give the issuer's own https address`);
  }

  /** The keys with this id. It asks the issuer where it knows none or only old ones, and for an unknown id at most once a minute. */
  async find(kid: string): Promise<JsonObject[]> {
    const fresh = this.now() - this.#fetched < longest;
    const found = fresh ? named(this.#keys, kid) : [];
    const soon = this.now() - this.#asked < (fresh ? pause : retry);
    if (found.length || (soon && fresh)) return found;
    if (soon && !this.#asking) refuse("assertion", `${this.address} did not give the issuer's keys a moment ago: try again in ${retry / 1000} s`);
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
    return named(this.#keys, kid);
  }

  async #ask(): Promise<void> {
    this.#asked = this.now();
    let answer: Bytes;
    try {
      answer = await this.#answer();
    } catch (cause) {
      refuse("assertion", `${this.address} does not give the issuer's keys: ${(cause as Error).message}; nobody can be verified until it does`, cause);
    }
    const keys = readObject(answer)?.keys;
    if (!Array.isArray(keys)) refuse("assertion", `${this.address} answers with no JSON Web Key Set: give the issuer's jwks_uri`);
    this.#keys = keys.filter(isObject);
    this.#fetched = this.now();
  }

  // A redirect is not followed: it would let whoever answers choose whom to ask.
  async #answer(): Promise<Bytes> {
    const { fetch } = this;
    const answer = await fetch(this.address, { redirect: "error", credentials: "omit", signal: AbortSignal.timeout(patience) });
    if (!answer.ok || !answer.body) throw new Error(`it answers ${answer.status}`);
    const parts: Bytes[] = [];
    let size = 0;
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      if ((size += part.value.length) > limit) {
        await reader.cancel();
        throw new Error(`its answer is larger than ${limit} bytes`);
      }
    }
    return concat(...parts);
  }
}

/** Those of a set that bear this id. */
export const named = (keys: readonly JsonObject[], kid: string): JsonObject[] => keys.filter((key) => key.kid === kid);

function isSafe(address: URL | string): boolean {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return false;
  }
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
