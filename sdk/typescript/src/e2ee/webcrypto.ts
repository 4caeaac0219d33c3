import type { Bytes } from "./bytes.js";
import { UnsupportedError } from "./errors.js";

/** The page's cryptography. Browsers give it only to pages that came over https, or from localhost. */
export function subtle(): SubtleCrypto {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) throw new UnsupportedError("WebCrypto");
  return subtle;
}

/** What `work` promises; the error of a browser that lacks the algorithm becomes one that names it and the remedy. */
export async function having<T>(algorithm: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if ((cause as Error | undefined)?.name === "NotSupportedError") throw new UnsupportedError(algorithm, { cause });
    throw cause;
  }
}

/** A public key on one of the two curves. */
export const publicKey = (curve: "Ed25519" | "X25519", raw: Bytes): Promise<CryptoKey> =>
  having(curve, subtle().importKey("raw", raw, curve, true, curve === "Ed25519" ? ["verify"] : []));

/** A new pair on one of the two curves. */
export const newPair = (curve: "Ed25519" | "X25519", extractable: boolean): Promise<CryptoKeyPair> =>
  having(curve, subtle().generateKey(curve, extractable, curve === "Ed25519" ? ["sign", "verify"] : ["deriveBits"]) as Promise<CryptoKeyPair>);

export const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));

export const sha256 = async (bytes: Bytes): Promise<Bytes> => new Uint8Array(await subtle().digest("SHA-256", bytes));

/** HMAC-SHA256 over the parts, one after the other. */
export async function hmac(key: Bytes, message: Bytes): Promise<Bytes> {
  const imported = await subtle().importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle().sign("HMAC", imported, message));
}
