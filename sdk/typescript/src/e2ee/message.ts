import { type Bytes, concat, decode, encode, text, utf8 } from "./bytes.js";
import type { ChannelKey } from "./channelkey.js";
import { refuse } from "./errors.js";
import type { Place } from "./grant.js";
import type { Identity } from "./identity.js";
import { exactly, is, isText, isWhole } from "./json.js";
import { type Jws, readHeader, readJws, verifyJws, writeHeader, writeJws } from "./jws.js";
import { isId } from "./keys.js";
import type { Known } from "./roster.js";
import { random, subtle } from "./webcrypto.js";

const typ = "portcullis-message+jws";
// Of JSON, in the header that the gateway reads too.
const outerLimit = 1024;
const ivLength = 12;
const tagLength = 16;
const sessionLength = 16;

/** What is read of a publication: a message of the client is one. */
export interface Publication {
  /** What was sealed, as text. */
  readonly data?: unknown;
  /** What the gateway says stands in `data`: `jwe`, or nothing. */
  readonly encryption?: string | undefined;
  /** Who published it, as the gateway says. */
  readonly from?:
    | {
        /** The user of their credential. */
        readonly user?: string | undefined;
      }
    | undefined;
}

/** Who signs a message, and as which of their session. */
export interface Speaker {
  readonly user: string;
  readonly identity: Identity;
  readonly session: string;
  readonly counter: number;
}

/** Signs and encrypts: a JWS (RFC 7515) in a JWE (RFC 7516). */
export async function sealMessage({ tenant, channel }: Place, key: ChannelKey, by: Speaker, plaintext: Bytes): Promise<string> {
  const { user, identity, session, counter } = by;
  const kid = key.terms.key;
  const jws = await writeJws(identity, { alg: "EdDSA", typ, kid: identity.own.sign, tenant, channel, user, key: kid, session, counter }, plaintext);
  const header = writeHeader({ alg: "dir", enc: "A256GCM", kid, tenant, channel, cty: "JWS" });
  const iv = random(ivLength);
  const sealed = new Uint8Array(await subtle().encrypt({ name: "AES-GCM", iv, additionalData: utf8(header) }, key.cipher, utf8(jws)));
  return [header, "", encode(iv), encode(sealed.slice(0, -tagLength)), encode(sealed.slice(-tagLength))].join(".");
}

/** Where a message is opened: what is asked of the room, each with a refusal of its own. */
export interface Reading {
  /** The key that counts here. */
  key(id: string): ChannelKey;
  /** The member who may have said something under this key. */
  sender(user: string, sign: string, key: ChannelKey): Known;
  /** Whether the message is new. It is asked last, of what is right in every other way. */
  isNew(key: ChannelKey, by: Known, session: string, counter: number): boolean;
}

/** Opens a publication, in the order in which `docs/encryption.md` lists the steps, or throws an EncryptionError. */
export async function openMessage(place: Place, publication: Publication, reading: Reading): Promise<{ user: string; plaintext: Bytes }> {
  if (publication.encryption !== "jwe") refuse("plaintext", "it is not encrypted, and this room takes nothing else: find out who publishes without sealing");
  const jwe = readJwe(publication.data);
  if (jwe.tenant !== place.tenant) refuse("tenant", `it was sealed for another tenant than ${place.tenant}`);
  if (jwe.channel !== place.channel) refuse("channel", `it was sealed for another channel than ${place.channel}`);
  const key = reading.key(jwe.kid);
  const { jws, header } = readInner(await decrypt(key, jwe));
  if (header.tenant !== jwe.tenant) refuse("tenant", "its sender signed it for another tenant: somebody carried it here");
  if (header.channel !== jwe.channel) refuse("channel", "its sender signed it for another channel: somebody carried it here");
  if (header.key !== jwe.kid) refuse("key", "its sender signed it under another key: somebody sealed it again");
  const user = publication.from?.user;
  if (header.user !== user) refuse("sender", `the gateway says ${user ?? "nobody"}, and the signed text names another`);
  const sender = reading.sender(user, header.kid, key);
  if (!(await verifyJws(sender.keys.verifier, jws))) refuse("signature", `${user} did not sign it`);
  if (!reading.isNew(key, sender, header.session, header.counter)) refuse("replay", `a message of ${user} was opened before, or is too old to tell`);
  key.serve();
  return { user, plaintext: jws.payload };
}

interface Jwe {
  readonly kid: string;
  readonly tenant: string;
  readonly channel: string;
  readonly aad: Bytes;
  readonly iv: Bytes;
  readonly sealed: Bytes;
}

function readJwe(data: unknown): Jwe {
  const parts = isText(data) ? data.split(".", 6) : [];
  const [first = "", encryptedKey, iv = "", ciphertext = "", tag = ""] = parts;
  const header = readHeader(first, outerLimit);
  const bytes = [decode(iv, ivLength), decode(ciphertext), decode(tag, tagLength)] as const;
  if (parts.length !== 5 || encryptedKey !== "" || !exactly<Outer>(header, outer) || !bytes[0] || !bytes[1]?.length || !bytes[2]) {
    refuse("form", "it is no message of an encrypted room: find out who publishes without sealing");
  }
  return { kid: header.kid, tenant: header.tenant, channel: header.channel, aad: utf8(first), iv: bytes[0], sealed: concat(bytes[1], bytes[2]) };
}

interface Outer extends Place {
  readonly alg: string;
  readonly enc: string;
  readonly kid: string;
  readonly cty: string;
}

const outer = { alg: is("dir"), enc: is("A256GCM"), kid: isId, tenant: isText, channel: isText, cty: is("JWS") } satisfies Tests<Outer>;

type Tests<T> = { [K in keyof T]: (value: unknown) => boolean };

async function decrypt(key: ChannelKey, { iv, aad, sealed }: Jwe): Promise<Bytes> {
  try {
    return new Uint8Array(await subtle().decrypt({ name: "AES-GCM", iv, additionalData: aad }, key.cipher, sealed));
  } catch (cause) {
    refuse("tampered", "it was changed on its way, or sealed with another key", cause);
  }
}

interface Inner extends Place {
  readonly alg: string;
  readonly typ: string;
  readonly kid: string;
  readonly user: string;
  readonly key: string;
  readonly session: string;
  readonly counter: number;
}

const inner: Tests<Inner> = {
  alg: is("EdDSA"),
  typ: is(typ),
  kid: isId,
  tenant: isText,
  channel: isText,
  user: (value) => isText(value) && value !== "",
  key: isId,
  session: (value) => isText(value) && decode(value, sessionLength) !== undefined,
  counter: (value) => isWhole(value) && value >= 1,
};

function readInner(bytes: Bytes): { jws: Jws; header: Inner } {
  let jws: Jws | undefined;
  try {
    jws = readJws(text(bytes));
  } catch {
    // It is no UTF-8, and so no JWS.
  }
  const header = jws?.header;
  if (!jws || jws.signature.length !== 64 || !exactly<Inner>(header, inner)) refuse("form", "what is inside is not signed in the form of this room");
  return { jws, header };
}
