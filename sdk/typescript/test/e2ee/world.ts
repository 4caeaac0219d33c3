// The people of the tests, each with an identity that an issuer has vouched for, and a clock that stands still.
import assert from "node:assert/strict";
import { EncryptionError, Identity, Issuer, type JwkSet, type Member, type Publication, type Reason, Room, type Sealed } from "../../src/e2ee/index.js";

const { subtle } = globalThis.crypto;

export const start = Date.UTC(2026, 10, 27, 12);

/** Milliseconds since 1970, as the tests want them. */
export class Clock {
  now = start;
  readonly read = (): number => this.now;
  pass(seconds: number): void {
    this.now += seconds * 1000;
  }
}

export const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64url");
export const spell = (value: unknown): string => base64url(typeof value === "string" ? value : JSON.stringify(value));
export const unspell = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;

/** A JWS over what may be anything at all, as an attacker writes it. */
export async function jws(key: CryptoKey, header: unknown, payload: unknown): Promise<string> {
  const signed = `${spell(header)}.${payload instanceof Uint8Array ? base64url(payload) : spell(payload)}`;
  return `${signed}.${base64url(new Uint8Array(await subtle.sign("Ed25519", key, Buffer.from(signed))))}`;
}

/** An issuer's own key, and its word for whatever it is asked to say. */
export class Authority {
  private constructor(
    readonly pair: CryptoKeyPair,
    readonly keys: JwkSet,
    readonly clock: Clock,
    readonly name: string,
  ) {}

  static async make(clock: Clock, name = "https://id.acme.example"): Promise<Authority> {
    const pair = (await subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
    const { kty, crv, x } = await subtle.exportKey("jwk", pair.publicKey);
    return new Authority(pair, { keys: [{ kty, crv, x, kid: "k1", alg: "EdDSA" } as JsonWebKey] }, clock, name);
  }

  assert(claims: object, header: object = {}): Promise<string> {
    const iat = Math.floor(this.clock.now / 1000);
    const all = { iss: this.name, tenant: "acme", iat, exp: iat + 30 * 86_400, ...claims };
    return jws(this.pair.privateKey, { alg: "EdDSA", typ: "e2ee-key+jwt", kid: "k1", ...header }, all);
  }
}

export interface Person {
  readonly user: string;
  readonly identity: Identity;
  readonly member: Member;
}

export class World {
  private constructor(
    readonly clock: Clock,
    readonly authority: Authority,
  ) {}

  static async make(): Promise<World> {
    const clock = new Clock();
    return new World(clock, await Authority.make(clock));
  }

  issuer(tenant = "acme"): Issuer {
    return new Issuer({ issuer: this.authority.name, tenant, keys: this.authority.keys, now: this.clock.read });
  }

  async person(user: string, claims: object = {}): Promise<Person> {
    const identity = await Identity.generate({ extractable: true });
    const member = await this.issuer().verify(await this.authority.assert({ sub: user, keys: identity.keys, ...claims }));
    return { user, identity, member };
  }

  /** A room of `me` that knows all of them. */
  room(me: Person, others: readonly Person[], options: { tenant?: string; channel?: string; distributors?: string[] } = {}): Room {
    const room = new Room({ tenant: "acme", channel: "room:1", user: me.user, identity: me.identity, distributors: ["ana"], now: this.clock.read, ...options });
    for (const { member } of others) room.add(member);
    return room;
  }
}

/** Ana, who distributes, ben and cid, each in the same room, with the first generation accepted. */
export async function three(): Promise<{ world: World; ana: Person; ben: Person; cid: Person; rooms: { ana: Room; ben: Room; cid: Room }; grant: string }> {
  const world = await World.make();
  const [ana, ben, cid] = await Promise.all([world.person("ana"), world.person("ben"), world.person("cid")]);
  const all = [ana, ben, cid];
  const rooms = { ana: world.room(ana, all), ben: world.room(ben, all), cid: world.room(cid, all) };
  const grant = await rooms.ana.generate();
  await Promise.all([rooms.ben.accept(grant), rooms.cid.accept(grant)]);
  return { world, ana, ben, cid, rooms, grant };
}

/** What the gateway delivers. */
export const delivered = (sealed: Sealed | string, user: string): Publication => ({
  data: typeof sealed === "string" ? sealed : sealed.text,
  encryption: "jwe",
  from: { user },
});

/** That it is refused, and why. */
export async function refused(work: Promise<unknown> | (() => unknown), reason: Reason): Promise<EncryptionError> {
  let got: unknown = "nothing was refused";
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    got = error;
  }
  assert.ok(got instanceof EncryptionError, `got ${String(got)}, want a refusal: ${reason}`);
  assert.equal(got.reason, reason, got.message);
  return got;
}
