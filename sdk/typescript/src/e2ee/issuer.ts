import { type Bytes, decode, utf8 } from "./bytes.js";
import { EncryptionError, refuse, UnsupportedError } from "./errors.js";
import { sharedSecret } from "./hpke.js";
import { isObject, isText, isWhole, type JsonObject, readObject } from "./json.js";
import { readJws } from "./jws.js";
import { isPrivateJwk, isPublicJwk, type PublicJwk, type PublicKeys, publicKeys } from "./keys.js";
import { type JwkSet, KeySet, named } from "./keyset.js";
import { leeway, Member } from "./member.js";
import { verifyAssertion } from "./signature.js";
import { isWeak } from "./weak.js";
import { newPair } from "./webcrypto.js";

const limit = 16_384; // characters
const subjectLimit = 1024; // bytes
const longestLife = 366 * 86_400; // s

/** Whose word is taken for who somebody is. */
export interface IssuerOptions {
  /** The claim `iss`, letter for letter. */
  readonly issuer: string;
  /** The claim `tenant`, letter for letter. */
  readonly tenant: string;
  /**
   * The issuer's key set, or the address where the issuer itself serves it: https, or http on this machine. Never one of the gateway's: a gateway that says
   * whom to trust could name itself.
   */
  readonly keys: JwkSet | URL | string;
  /** What the gateway puts in front of the subject, as the tenant's file says for a further issuer; nothing by default. */
  readonly prefix?: string;
  /** To fetch the key set with; by default the page's own. */
  readonly fetch?: typeof globalThis.fetch;
  /** The clock, in milliseconds since 1970; by default `Date.now`. */
  readonly now?: () => number;
}

/** Who vouches for the keys of members. */
export class Issuer {
  readonly #options: IssuerOptions;
  readonly #now: () => number;
  readonly #find: (kid: string) => Promise<JsonObject[]>;

  /** Fetches nothing yet. Throws an EncryptionError, `assertion`, for an address that is not the issuer's alone to answer. */
  constructor(options: IssuerOptions) {
    this.#options = { ...options };
    this.#now = options.now ?? Date.now;
    const { keys } = options;
    if (typeof keys === "string" || keys instanceof URL) {
      const set = new KeySet(keys, options.fetch ?? globalThis.fetch, this.#now);
      this.#find = (kid) => set.find(kid);
    } else {
      const set = keys.keys.map((key) => ({ ...key }));
      this.#find = async (kid) => named(set, kid);
    }
  }

  /**
   * Verifies an assertion, a JWT of the type `e2ee-key+jwt`, and gives the member whom it names. Rejects with an EncryptionError: `assertion`, `tenant` or
   * `expired`.
   */
  async verify(assertion: string): Promise<Member> {
    const jws = isText(assertion) && assertion.length <= limit ? readJws(assertion) : undefined;
    const claims = jws && readObject(jws.payload);
    if (!jws || !claims) refuse("assertion", `this is no JWT of at most ${limit} characters: pass the assertion as the backend gave it`);
    // All that is cheap comes before the keys: nobody's text makes this client ask the issuer for nothing.
    const kid = readKid(jws.header);
    const { issuer, tenant, prefix = "" } = this.#options;
    if (claims.iss !== issuer) refuse("assertion", `the assertion is of another issuer, and only that of ${issuer} counts here`);
    if (claims.tenant !== tenant) refuse("tenant", `the assertion is for another tenant than ${tenant}`);
    const { sub } = claims;
    if (!isText(sub) || sub === "" || utf8(sub).length > subjectLimit || /\p{Cc}/u.test(sub)) {
      refuse("assertion", `sub must be a text of 1 to ${subjectLimit} bytes without control characters: ask the backend for a new one`);
    }
    const expires = life(claims, this.#now() / 1000);
    if (!(await verifyAssertion(await this.#find(kid), jws))) {
      refuse("assertion", "no key of the issuer that is for this algorithm signed it: ask the backend for a new assertion");
    }
    return new Member(tenant, prefix + sub, expires * 1000, await membersKeys(claims.keys));
  }
}

/** The id of the issuer's key, from a header that is one of an assertion. */
function readKid({ typ, kid, crit }: JsonObject): string {
  if (!isText(typ) || typ.toLowerCase() !== "e2ee-key+jwt") refuse("assertion", "its typ must be e2ee-key+jwt: a token to log in with is no assertion");
  if (crit !== undefined || !isText(kid) || kid === "") refuse("assertion", "its header must have a kid, and no crit: nothing critical is known here");
  return kid;
}

/** When the assertion ends, in seconds since 1970 as `now`. */
function life({ iat, exp, nbf = iat }: JsonObject, now: number): number {
  if (!isWhole(iat) || !isWhole(exp) || !isWhole(nbf)) refuse("assertion", "iat and exp must be whole seconds since 1970");
  if (exp <= iat || exp - iat > longestLife) refuse("assertion", "it must live for some time, and for 366 days at most");
  if (now >= exp + leeway) refuse("expired", "the assertion has expired: ask the backend for a new one");
  if (Math.max(iat, nbf) > now + leeway) refuse("assertion", "the assertion is from the future: set the clock right");
  return exp;
}

/** The keys of the claim: one to sign, one to be given channel keys, in any order. */
async function membersKeys(claim: unknown): Promise<PublicKeys> {
  const jwks: JsonObject[] = Array.isArray(claim) ? claim.filter(isObject) : [];
  const of = (crv: PublicJwk["crv"]) => jwks.find((jwk) => isPublicJwk(jwk, crv)) as (JsonObject & PublicJwk) | undefined;
  const [sign, agree] = [of("Ed25519"), of("X25519")];
  if (!Array.isArray(claim) || claim.length !== 2 || !sign || !agree) refuse("assertion", "its keys must be two public JWKs, one Ed25519 and one X25519");
  if (jwks.some(isPrivateJwk)) refuse("assertion", "a private key stands in it, and is none any more: make a new identity");
  if (isWeak(decode(sign.x) as Bytes)) refuse("assertion", "its Ed25519 key is of small order, or not in its one spelling: make a new identity");
  const keys = await imported(sign, agree);
  await refuseLowOrder(keys);
  return keys;
}

/** Some browsers look at a key when they are given it, and others when they use it. */
async function imported(sign: PublicJwk, agree: PublicJwk): Promise<PublicKeys> {
  try {
    return await publicKeys(sign, agree);
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    refuse("assertion", "its keys are no points of their curves: make a new identity", cause);
  }
}

/** Nothing can be wrapped to such a key (RFC 9180, section 7.1.4): one member with it would stop every generation. */
async function refuseLowOrder({ recipient }: PublicKeys): Promise<void> {
  const probe = await newPair("X25519", false);
  try {
    await sharedSecret(probe.privateKey, recipient.key, recipient.raw, recipient.raw);
  } catch (cause) {
    throw new EncryptionError("assertion", "its X25519 key is of low order: make a new identity", { cause });
  }
}
