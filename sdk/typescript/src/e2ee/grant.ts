import { type Bytes, decode, encode, lp, utf8 } from "./bytes.js";
import { keyId, keyLength, type Recipient, type Terms } from "./channelkey.js";
import { refuse } from "./errors.js";
import { unwrap, wrap, wrappedLength } from "./hpke.js";
import type { Identity } from "./identity.js";
import { exactly, is, isObject, isText, isWhole, readObject } from "./json.js";
import { type Jws, readJws, writeJws } from "./jws.js";
import { isId, person } from "./keys.js";
import type { Known } from "./roster.js";

const limit = 1 << 20; // characters
const typ = "portcullis-grant+jws";

/** Which channel of whose. */
export interface Place {
  readonly tenant: string;
  readonly channel: string;
}

interface Entry extends Recipient {
  readonly wrapped: string;
}

interface Payload extends Place, Terms {
  readonly members: readonly Entry[];
}

/** A grant, read and not yet believed. */
export interface Grant {
  readonly jws: Jws;
  /** The id of the distributor's Ed25519 key. */
  readonly signer: string;
  readonly payload: Payload;
}

/** Reads a grant. Throws an EncryptionError, `form`. */
export function readGrant(text: unknown): Grant {
  const jws = isText(text) && text.length <= limit ? readJws(text) : undefined;
  const header = jws?.header;
  if (!jws || jws.signature.length !== 64 || !exactly<Header>(header, head)) {
    refuse("form", `this is no grant of at most ${limit} characters: pass what generate gave`);
  }
  const payload = readObject(jws.payload);
  if (!exactly<Payload>(payload, tests)) refuse("form", "the grant does not say what a grant says, or says more: pass what generate gave");
  return { jws, signer: header.kid, payload };
}

interface Header {
  readonly alg: string;
  readonly typ: string;
  readonly kid: string;
}

const head = { alg: is("EdDSA"), typ: is(typ), kid: isId };

const isCount = (value: unknown): boolean => isWhole(value) && value >= 1;

const tests = {
  tenant: isText,
  channel: isText,
  key: isId,
  generation: isCount,
  created: isWhole,
  members: (list: unknown): boolean => Array.isArray(list) && list.length > 0 && list.every(isEntry) && once(list as Entry[]),
};

const isEntry = (entry: unknown): boolean =>
  isObject(entry) &&
  exactly<Entry>(entry, {
    user: (name) => isText(name) && name !== "",
    sign: isId,
    to: isId,
    wrapped: (text) => isText(text) && decode(text, wrappedLength(keyLength)) !== undefined,
  });

const once = (list: Entry[]): boolean => new Set(list.map(({ user, sign }) => person(user, sign))).size === list.length;

/** What a wrapped key is bound to: it opens for nobody else, nowhere else and under no other number. */
const binding = ({ tenant, channel }: Place, { key, generation }: Pick<Terms, "key" | "generation">, user: string, to: string): Bytes =>
  lp("portcullis-e2ee/1 wrap", tenant, channel, key, String(generation), user, to);

/** Gives the channel key to those members, signed by `by`. */
export async function writeGrant(
  place: Place,
  terms: Terms,
  key: Bytes,
  by: Identity,
  to: readonly Known[],
): Promise<string> {
  const entry = async ({ user, keys }: Known): Promise<Entry> => {
    const info = binding(place, terms, user, keys.to);
    return { user, sign: keys.sign, to: keys.to, wrapped: encode(await wrap(keys.recipient, info, key)) };
  };
  const { tenant, channel } = place;
  const members = await Promise.all(to.map(entry));
  const payload: Payload = { tenant, channel, key: terms.key, generation: terms.generation, created: terms.created, members };
  const grant = await writeJws(by, { alg: "EdDSA", typ, kid: by.own.sign }, utf8(JSON.stringify(payload)));
  if (grant.length > limit) refuse("form", `a grant for ${members.length} members has ${grant.length} characters, and nobody takes more than ${limit}: use several channels`);
  return grant;
}

/** The key that a grant has for me. Throws an EncryptionError: `not_member`, `tampered` or `key`. */
export async function takeKey(payload: Payload, user: string, me: Identity): Promise<Bytes> {
  const { sign, to, recipient } = me.own;
  const mine = payload.members.find((entry) => entry.user === user && entry.sign === sign && entry.to === to);
  if (!mine) refuse("not_member", `generation ${payload.generation} has no key for ${user} and this identity: ask the distributor to add them`);
  let key: Bytes;
  try {
    key = await unwrap({ key: me.pairs.agree.privateKey, raw: recipient.raw }, binding(payload, payload, user, to), decode(mine.wrapped) as Bytes);
  } catch (cause) {
    refuse("tampered", `the key of generation ${payload.generation} was not wrapped for ${user} in this room: ask the distributor for the grant again`, cause);
  }
  if ((await keyId(key)) !== payload.key) refuse("key", `generation ${payload.generation} has another key than its grant names: ask for a new generation`);
  return key;
}
