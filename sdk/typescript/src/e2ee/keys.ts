import { type Bytes, decode, encode, utf8 } from "./bytes.js";
import type { Recipient } from "./hpke.js";
import { publicKey, sha256 } from "./webcrypto.js";

/** A public key (RFC 8037). */
export interface PublicJwk {
  /** An octet key pair. */
  readonly kty: "OKP";
  /** What it is for: Ed25519 verifies, and X25519 is wrapped to. */
  readonly crv: "Ed25519" | "X25519";
  /** 32 bytes, base64url. */
  readonly x: string;
}

/** The public keys of a member, ready for use. */
export interface PublicKeys {
  /** Their ids: the thumbprints of their JWKs (RFC 7638). */
  readonly sign: string;
  readonly to: string;
  readonly verifier: CryptoKey;
  readonly recipient: Recipient;
}

export const publicJwk = (crv: PublicJwk["crv"], x: string): PublicJwk => ({ kty: "OKP", crv, x });

/** Of RFC 7638, SHA-256. The members stand in the order that section 3.3 wants. */
export const thumbprint = async ({ crv, x }: PublicJwk): Promise<string> => encode(await sha256(utf8(JSON.stringify({ crv, kty: "OKP", x }))));

export async function publicKeys(sign: PublicJwk, agree: PublicJwk): Promise<PublicKeys> {
  const raw = decode(agree.x) as Bytes;
  return {
    sign: await thumbprint(sign),
    to: await thumbprint(agree),
    verifier: await publicKey("Ed25519", decode(sign.x) as Bytes),
    recipient: { key: await publicKey("X25519", raw), raw },
  };
}

/** Whether it has the form of an id: of a key, or of a channel key. */
export const isId = (value: unknown): value is string => typeof value === "string" && decode(value, 32) !== undefined;

/** Whether it is the public half of an OKP key on this curve. */
export function isPublicJwk(jwk: { [name: string]: unknown }, crv: PublicJwk["crv"]): boolean {
  return jwk.kty === "OKP" && jwk.crv === crv && isId(jwk.x);
}

/** One key of one user. A key alone names nobody: somebody could have an issuer vouch for another's public key as theirs. */
export const person = (user: string, sign: string): string => JSON.stringify([user, sign]);

const secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/** Whether something stands in it that nobody else may know (RFC 7518, section 6; RFC 8037, section 2). */
export const isPrivateJwk = (jwk: object): boolean => secret.some((name) => name in jwk);
