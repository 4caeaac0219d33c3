import { type Bytes, decode, utf8 } from "./bytes.js";
import { refuse, UnsupportedError } from "./errors.js";
import { exactly, isObject, isText, readObject } from "./json.js";
import { isPublicJwk, publicJwk, type PublicJwk, type PublicKeys, publicKeys } from "./keys.js";
import { having, newPair, publicKey, random, subtle } from "./webcrypto.js";

/** The two pairs of an identity, as WebCrypto holds them. IndexedDB stores them as they are, and non-extractable ones stay so in it. */
export interface IdentityPairs {
  /** Ed25519. */
  readonly sign: CryptoKeyPair;
  /** X25519. */
  readonly agree: CryptoKeyPair;
}

/**
 * Who somebody is to the others of a room: an Ed25519 key that signs what they say, and an X25519 key to which channel keys are wrapped. The backend puts the
 * public halves, `keys`, into an assertion.
 */
export class Identity {
  private constructor(
    /** To keep in IndexedDB; `Identity.from` takes them back. */
    readonly pairs: IdentityPairs,
    /** The two public JWKs, as the claim `keys` of an assertion wants them. */
    readonly keys: readonly [sign: PublicJwk, agree: PublicJwk],
    /** @internal */
    readonly own: PublicKeys,
  ) {}

  /**
   * Makes a new one. Its private keys leave WebCrypto only where `extractable` says so: otherwise a script in the page can use them, and not carry them away.
   * Rejects with an UnsupportedError in a browser that lacks Ed25519 or X25519.
   */
  static async generate(options: { readonly extractable?: boolean } = {}): Promise<Identity> {
    const { extractable = false } = options;
    return Identity.from({ sign: await newPair("Ed25519", extractable), agree: await newPair("X25519", extractable) });
  }

  /** The identity of these pairs. Rejects with an EncryptionError, `form`, for others than an Ed25519 and an X25519 pair. */
  static async from(pairs: IdentityPairs): Promise<Identity> {
    const jwk = async (crv: PublicJwk["crv"], key: CryptoKey) => {
      if (key.algorithm.name !== crv) refuse("form", `a key is of ${key.algorithm.name} and must be of ${crv}`);
      return publicJwk(crv, (await subtle().exportKey("jwk", key)).x as string);
    };
    const keys = [await jwk("Ed25519", pairs.sign.publicKey), await jwk("X25519", pairs.agree.publicKey)] as const;
    return new Identity(pairs, keys, await publicKeys(...keys));
  }

  /**
   * Reads what `export` wrote, here or in Go. Rejects with an EncryptionError, `form`, for anything else, and for a private key that is not that of its public
   * one.
   */
  static async parse(json: string, options: { readonly extractable?: boolean } = {}): Promise<Identity> {
    const identity = readObject(utf8(json));
    if (!exactly<{ sign: JsonWebKey; agree: JsonWebKey }>(identity, { sign: isPrivate("Ed25519"), agree: isPrivate("X25519") })) {
      refuse("form", 'an identity is {"sign": ..., "agree": ...}, an Ed25519 and an X25519 JWK, both private: take what export wrote');
    }
    const pair = async (crv: PublicJwk["crv"], { x, d }: JsonWebKey, usage: KeyUsage): Promise<CryptoKeyPair> => ({
      privateKey: await having(crv, subtle().importKey("jwk", { kty: "OKP", crv, x, d } as JsonWebKey, crv, options.extractable ?? false, [usage])),
      publicKey: await publicKey(crv, decode(x as string) as Bytes),
    });
    let pairs: IdentityPairs;
    try {
      pairs = { sign: await pair("Ed25519", identity.sign, "sign"), agree: await pair("X25519", identity.agree, "deriveBits") };
      if (!(await belong(pairs))) throw new Error("the halves of a key are of two keys");
    } catch (cause) {
      if (cause instanceof UnsupportedError) throw cause;
      refuse("form", "a private key of the identity is not that of its public key: take what export wrote", cause);
    }
    return Identity.from(pairs);
  }

  /** The private keys, as JSON that `parse` and Go read. Rejects with an EncryptionError, `key`, where they are not extractable. */
  async export(): Promise<string> {
    const { sign, agree } = this.pairs;
    if (!sign.privateKey.extractable || !agree.privateKey.extractable) {
      refuse("key", "the private keys are not extractable: keep `pairs` in IndexedDB, or make the identity with extractable: true");
    }
    const jwk = async (crv: PublicJwk["crv"], key: CryptoKey) => {
      const { x, d } = await subtle().exportKey("jwk", key);
      return { ...publicJwk(crv, x as string), d };
    };
    return JSON.stringify({ sign: await jwk("Ed25519", sign.privateKey), agree: await jwk("X25519", agree.privateKey) });
  }
}

const isPrivate = (crv: PublicJwk["crv"]) => (jwk: unknown) =>
  isObject(jwk) && isPublicJwk(jwk, crv) && isText(jwk.d) && decode(jwk.d, 32) !== undefined;

// The point that every public X25519 key is a multiple of (RFC 7748, section 6.1): with it, a private key gives its public one.
const base = new Uint8Array(32);
base[0] = 9;

// WebCrypto need not look whether the two halves belong together. With others nobody could verify what is signed, nor unwrap what is wrapped.
async function belong({ sign, agree }: IdentityPairs): Promise<boolean> {
  const probe: Bytes = random(32);
  const signature = await subtle().sign("Ed25519", sign.privateKey, probe);
  const derived = new Uint8Array(await subtle().deriveBits({ name: "X25519", public: await publicKey("X25519", base) }, agree.privateKey, 256));
  const raw = new Uint8Array(await subtle().exportKey("raw", agree.publicKey));
  return (await subtle().verify("Ed25519", sign.publicKey, signature, probe)) && derived.every((byte, i) => byte === raw[i]);
}
