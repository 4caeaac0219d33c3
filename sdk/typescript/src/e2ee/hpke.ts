// HPKE (RFC 9180), mode_base, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
import { type Bytes, concat, utf8 } from "./bytes.js";
import { hmac, newPair, publicKey, subtle } from "./webcrypto.js";

const kem = concat(utf8("KEM"), Uint8Array.of(0x00, 0x20));
const suite = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02));
const version = utf8("HPKE-v1");
const none = new Uint8Array(0);

/** The lengths, in bytes, of an encapsulated key and of the tag behind the text. */
const encapsulated = 32;
const tag = 16;

// WebCrypto has no HMAC with an empty key; zeros as long as the hash are the same key (RFC 2104, section 2; RFC 5869, section 2.2).
const noSalt = new Uint8Array(32);

/** HKDF-SHA256 (RFC 5869) without a salt, for as many bytes as one hash has. */
export const hkdf = async (ikm: Bytes, info: Bytes): Promise<Bytes> => expand(await hmac(noSalt, ikm), info);

const expand = (prk: Bytes, info: Bytes): Promise<Bytes> => hmac(prk, concat(info, Uint8Array.of(1)));

// Section 4: LabeledExtract and LabeledExpand. Nothing here is longer than one hash.
const labeledExtract = (id: Bytes, salt: Bytes, label: string, ikm: Bytes): Promise<Bytes> => hmac(salt, concat(version, id, utf8(label), ikm));

async function labeledExpand(id: Bytes, prk: Bytes, label: string, info: Bytes, length: number): Promise<Bytes> {
  const bytes = await expand(prk, concat(Uint8Array.of(0, length), version, id, utf8(label), info));
  return bytes.slice(0, length);
}

/** Section 4.1, ExtractAndExpand over the Diffie-Hellman value of two keys. */
export async function sharedSecret(mine: CryptoKey, theirs: CryptoKey, enc: Bytes, recipient: Bytes): Promise<Bytes> {
  const dh = new Uint8Array(await subtle().deriveBits({ name: "X25519", public: theirs }, mine, 256));
  // Section 7.1.4. WebCrypto refuses a key of low order by itself; not every edition of it did.
  if (dh.every((byte) => byte === 0)) throw new Error("an X25519 key of low order");
  const prk = await labeledExtract(kem, noSalt, "eae_prk", dh);
  return labeledExpand(kem, prk, "shared_secret", concat(enc, recipient), 32);
}

/** Section 5.1, KeySchedule in mode_base, for the first message of a context. */
async function schedule(shared: Bytes, info: Bytes, usage: KeyUsage): Promise<{ key: CryptoKey; iv: Bytes }> {
  const context = concat(
    Uint8Array.of(0),
    await labeledExtract(suite, noSalt, "psk_id_hash", none),
    await labeledExtract(suite, noSalt, "info_hash", info),
  );
  const secret = await labeledExtract(suite, shared, "secret", none);
  const key = await labeledExpand(suite, secret, "key", context, 32);
  const iv = await labeledExpand(suite, secret, "base_nonce", context, 12);
  return { key: await subtle().importKey("raw", key, "AES-GCM", false, [usage]), iv };
}

/** Who can unwrap: an X25519 key, and the bytes of its public half. */
export interface Recipient {
  readonly key: CryptoKey;
  readonly raw: Bytes;
}

/** The encapsulated key, and the sealed text behind it. */
export async function wrap(to: Recipient, info: Bytes, plaintext: Bytes): Promise<Bytes> {
  const ephemeral = await newPair("X25519", false);
  const enc = new Uint8Array(await subtle().exportKey("raw", ephemeral.publicKey));
  const shared = await sharedSecret(ephemeral.privateKey, to.key, enc, to.raw);
  const { key, iv } = await schedule(shared, info, "encrypt");
  return concat(enc, new Uint8Array(await subtle().encrypt({ name: "AES-GCM", iv }, key, plaintext)));
}

/** Rejects where it was wrapped for another key, with another info, or changed. `mine.key` is the private half. */
export async function unwrap(mine: Recipient, info: Bytes, wrapped: Bytes): Promise<Bytes> {
  const enc = wrapped.slice(0, encapsulated);
  const shared = await sharedSecret(mine.key, await publicKey("X25519", enc), enc, mine.raw);
  const { key, iv } = await schedule(shared, info, "decrypt");
  return new Uint8Array(await subtle().decrypt({ name: "AES-GCM", iv }, key, wrapped.slice(encapsulated)));
}

/** How long a wrapped text of `length` bytes is. */
export const wrappedLength = (length: number): number => encapsulated + length + tag;
