import { decode } from "./bytes.js";
import { UnsupportedError } from "./errors.js";
import { isText, type JsonObject } from "./json.js";
import type { Jws } from "./jws.js";
import { isPrivateJwk } from "./keys.js";
import { having, subtle } from "./webcrypto.js";

interface Algorithm {
  /** What a JWK for it says of itself. */
  readonly kty: string;
  readonly crv?: string;
  /** Which of its members are the public key. */
  readonly members: readonly string[];
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
  readonly saltLength?: number;
}

// RFC 7518, section 3.1, and RFC 8037. ECDSA's signatures are r and s side by side there and in WebCrypto.
const algorithms: { readonly [alg: string]: Algorithm } = {
  RS256: { kty: "RSA", members: ["n", "e"], name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { kty: "RSA", members: ["n", "e"], name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { kty: "EC", crv: "P-256", members: ["x", "y"], name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ES384: { kty: "EC", crv: "P-384", members: ["x", "y"], name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  EdDSA: { kty: "OKP", crv: "Ed25519", members: ["x"], name: "Ed25519" },
};

// Bytes. Shorter ones are weak (RFC 7518, section 3.3), and longer ones cost a reader what the writer likes.
const shortestModulus = 256;
const longestModulus = 512;

/**
 * Whether one of the issuer's keys is for the algorithm that the header names, and signed. The algorithm never chooses the kind of the key: both must say the
 * same, and two keys that do are one too many.
 */
export async function verifyAssertion(keys: readonly JsonObject[], { header: { alg }, signature, signed }: Jws): Promise<boolean> {
  const algorithm = isText(alg) && Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined;
  const [jwk, ...more] = algorithm ? keys.filter((key) => fits(alg, algorithm, key)) : [];
  if (!algorithm || !jwk || more.length) return false;
  const bare = Object.fromEntries(["kty", "crv", ...algorithm.members].map((name) => [name, jwk[name]])) as JsonWebKey;
  let key: CryptoKey;
  try {
    key = await having(algorithm.name, subtle().importKey("jwk", bare, algorithm, false, ["verify"]));
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    return false;
  }
  return subtle().verify(algorithm, key, signature, signed);
}

function fits(alg: unknown, { kty, crv, members }: Algorithm, jwk: JsonObject): boolean {
  const { n, use = "sig" } = jwk;
  const length = isText(n) ? (decode(n)?.length ?? 0) : 0;
  return (
    jwk.kty === kty &&
    (!crv || jwk.crv === crv) &&
    // Ed25519 is the newer name of what EdDSA means here (RFC 9864).
    (jwk.alg === undefined || jwk.alg === alg || (jwk.alg === "Ed25519" && alg === "EdDSA")) &&
    use === "sig" &&
    !isPrivateJwk(jwk) &&
    members.every((name) => isText(jwk[name])) &&
    (kty !== "RSA" || (length >= shortestModulus && length <= longestModulus))
  );
}
