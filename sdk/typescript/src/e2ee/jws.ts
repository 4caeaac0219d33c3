import { type Bytes, decode, encode, utf8 } from "./bytes.js";
import type { Identity } from "./identity.js";
import { type JsonObject, readObject } from "./json.js";
import { subtle } from "./webcrypto.js";

const headerLimit = 8192; // bytes of JSON

/** A JWS in compact serialization (RFC 7515, section 7.1), read and not yet verified. */
export interface Jws {
  readonly header: JsonObject;
  readonly payload: Bytes;
  readonly signature: Bytes;
  /** What the signature is over (RFC 7515, section 5.2). */
  readonly signed: Bytes;
}

/** Returns undefined for what is no JWS. */
export function readJws(compact: string): Jws | undefined {
  const [first = "", second = "", third = "", ...more] = compact.split(".", 4);
  const header = readHeader(first);
  const payload = decode(second);
  const signature = decode(third);
  if (!header || !payload || !signature?.length || more.length) return undefined;
  return { header, payload, signature, signed: utf8(`${first}.${second}`) };
}

/** The protected header that a part spells, if it has at most so many bytes. */
export function readHeader(part: string, limit = headerLimit): JsonObject | undefined {
  const bytes = decode(part);
  return bytes && bytes.length <= limit ? readObject(bytes) : undefined;
}

/** A header as it travels. Its members are written in the order in which they stand here. */
export const writeHeader = (header: object): string => encode(utf8(JSON.stringify(header)));

/** Signs with the identity's Ed25519 key (RFC 8037, section 3.1). */
export async function writeJws({ pairs }: Identity, header: object, payload: Bytes): Promise<string> {
  const signed = `${writeHeader(header)}.${encode(payload)}`;
  const signature = await subtle().sign("Ed25519", pairs.sign.privateKey, utf8(signed));
  return `${signed}.${encode(new Uint8Array(signature))}`;
}

/** Whether this Ed25519 key signed it. */
export const verifyJws = (key: CryptoKey, jws: Jws): Promise<boolean> => subtle().verify("Ed25519", key, jws.signature, jws.signed);
