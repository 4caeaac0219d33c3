import assert from "node:assert/strict";
import { test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Identity, Issuer, type PublicJwk } from "../../src/e2ee/index.js";
import { Authority, Clock, jws, refused, spell, start, World } from "./world.js";

const { subtle } = globalThis.crypto;
const now = start / 1000;
const day = 86_400;

test("an assertion names its user, with the prefix of the tenant's file, and ends when it says", async () => {
  const world = await World.make();
  const { keys } = await Identity.generate();
  const issuer = new Issuer({ issuer: world.authority.name, tenant: "acme", prefix: "partner:", keys: world.authority.keys, now: world.clock.read });
  const member = await issuer.verify(await world.authority.assert({ sub: "ben", keys }, { typ: "E2EE-Key+JWT" }));
  assert.deepEqual([member.user, member.tenant, member.expires], ["partner:ben", "acme", (now + 30 * day) * 1000]);
});

test("an assertion that does not say what one must is refused", async (t) => {
  const world = await World.make();
  const { authority } = world;
  const identity = await Identity.generate({ extractable: true });
  const [sign, agree] = identity.keys;
  const { sign: secret } = JSON.parse(await identity.export()) as { sign: PublicJwk };
  const low = { ...agree, x: "A".repeat(43) };
  const one = { ...agree, x: "AQ" + "A".repeat(41) };
  const good = { sub: "ben", keys: identity.keys };
  const say = (claims: object, header: object = {}) => authority.assert({ ...good, ...claims }, header);
  const other = await Authority.make(world.clock);
  const text = await say({});
  const [header, payload, signature] = text.split(".") as [string, string, string];

  const rows: [name: string, assertion: string, reason: "assertion" | "tenant" | "expired"][] = [
    ["no JWT", "x", "assertion"],
    ["a fourth part", text + ".", "assertion"],
    ["longer than any", text + "A".repeat(16_384), "assertion"],
    ["a token to log in with", await say({}, { typ: "JWT" }), "assertion"],
    ["no type", await say({}, { typ: undefined }), "assertion"],
    ["the type of a media type", await say({}, { typ: "application/e2ee-key+jwt" }), "assertion"],
    ["no key named", await say({}, { kid: undefined }), "assertion"],
    ["a key that the issuer does not have", await say({}, { kid: "k2" }), "assertion"],
    ["an extension that must be understood", await say({}, { crit: ["b64"], b64: false }), "assertion"],
    ["alg none", `${spell({ alg: "none", typ: "e2ee-key+jwt", kid: "k1" })}.${payload}.`, "assertion"],
    ["alg none, with a signature", `${spell({ alg: "none", typ: "e2ee-key+jwt", kid: "k1" })}.${payload}.${signature}`, "assertion"],
    ["HS256 with the public key as the secret", await hs256(authority, payload), "assertion"],
    ["an algorithm that is not the key's", await say({}, { alg: "ES256" }), "assertion"],
    ["an algorithm that an object has by nature", await say({}, { alg: "toString" }), "assertion"],
    ["signed by another", await other.assert(good), "assertion"],
    ["another payload under the signature", `${header}.${spell({ ...good, iss: authority.name, tenant: "acme", iat: now, exp: now + day, sub: "ana" })}.${signature}`, "assertion"],
    ["another issuer", await say({ iss: authority.name + "/" }), "assertion"],
    ["another tenant", await say({ tenant: "umbrella" }), "tenant"],
    ["no tenant", await say({ tenant: undefined }), "tenant"],
    ["nobody", await say({ sub: undefined }), "assertion"],
    ["an empty name", await say({ sub: "" }), "assertion"],
    ["a name of 1,025 bytes", await say({ sub: "é".repeat(512) + "x" }), "assertion"],
    ["a name with a line end", await say({ sub: "ben\n" }), "assertion"],
    ["ended 30 s ago", await say({ iat: now - day, exp: now - 30 }), "expired"],
    ["no end", await say({ exp: undefined }), "assertion"],
    ["no beginning", await say({ iat: undefined }), "assertion"],
    ["an end that is no whole number", await say({ exp: now + 0.5 }), "assertion"],
    ["a life of more than 366 days", await say({ exp: now + 366 * day + 1 }), "assertion"],
    ["an end before its beginning", await say({ iat: now + 20, exp: now + 10 }), "assertion"],
    ["made in 31 s", await say({ iat: now + 31 }), "assertion"],
    ["good from 31 s on", await say({ nbf: now + 31 }), "assertion"],
    ["no keys", await say({ keys: undefined }), "assertion"],
    ["one key", await say({ keys: [sign] }), "assertion"],
    ["three keys", await say({ keys: [sign, agree, agree] }), "assertion"],
    ["two of one kind", await say({ keys: [sign, sign] }), "assertion"],
    ["a private key in it", await say({ keys: [secret, agree] }), "assertion"],
    ["a short key", await say({ keys: [{ ...sign, x: sign.x.slice(4) }, agree] }), "assertion"],
    ["an X25519 key to which nothing can be wrapped", await say({ keys: [sign, low] }), "assertion"],
    ["another one of low order", await say({ keys: [sign, one] }), "assertion"],
    ["a claim twice", await jws(authority.pair.privateKey, { alg: "EdDSA", typ: "e2ee-key+jwt", kid: "k1" }, twice(payload)), "assertion"],
  ];
  for (const [name, assertion, reason] of rows) await t.test(name, async () => void (await refused(world.issuer().verify(assertion), reason)));
});

const twice = (payload: string) => Buffer.from(payload, "base64url").toString().replace('"sub":"ben"', '"sub":"ben","sub":"ana"');

async function hs256({ keys }: Authority, payload: string): Promise<string> {
  const secret = Buffer.from(keys.keys[0]?.x as string, "base64url");
  const key = await subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signed = `${spell({ alg: "HS256", typ: "e2ee-key+jwt", kid: "k1" })}.${payload}`;
  return `${signed}.${Buffer.from(await subtle.sign("HMAC", key, Buffer.from(signed))).toString("base64url")}`;
}

test("an assertion is good to its last moment and in every order of its members", async (t) => {
  const world = await World.make();
  const { keys: [sign, agree] } = await Identity.generate();
  const rows: [name: string, claims: object][] = [
    ["ended 29 s ago", { iat: now - day, exp: now - 29 }],
    ["made in 30 s", { iat: now + 30 }],
    ["a life of 366 days", { exp: now + 366 * day }],
    ["the keys in the other order, with other public members", { keys: [{ kid: "b", use: "enc", ...agree }, { alg: "EdDSA", ...sign }] }],
    ["claims that nobody asked for", { scope: "x", rate: 1.5, nested: { exp: 1.5 } }],
  ];
  for (const [name, claims] of rows) {
    await t.test(name, async () => assert.equal((await world.issuer().verify(await world.authority.assert({ sub: "ben", keys: [sign, agree], ...claims }))).user, "ben"));
  }
});

test("an issuer signs with each of the algorithms, and with a key that is for it alone", async (t) => {
  const clock = new Clock();
  const { keys } = await Identity.generate();
  const pairs = { RS256: await generateKeyPair("RS256"), PS256: await generateKeyPair("PS256"), ES256: await generateKeyPair("ES256"), ES384: await generateKeyPair("ES384"), EdDSA: await generateKeyPair("EdDSA") };
  for (const [alg, pair] of Object.entries(pairs)) {
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k1" };
    const assertion = await new SignJWT({ tenant: "acme", keys })
      .setProtectedHeader({ alg, typ: "e2ee-key+jwt", kid: "k1" })
      .setIssuer("i").setSubject("ben").setIssuedAt(now).setExpirationTime(now + day).sign(pair.privateKey);
    const issuer = (...set: object[]) => new Issuer({ issuer: "i", tenant: "acme", keys: { keys: set }, now: clock.read });
    await t.test(alg, async () => {
      assert.equal((await issuer(jwk).verify(assertion)).user, "ben");
      assert.equal((await issuer({ ...jwk, alg, use: "sig" }).verify(assertion)).user, "ben", "with alg and use");
    });
    for (const [name, set] of Object.entries({
      "a key for something else": [{ ...jwk, use: "enc" }],
      "a key for another algorithm": [{ ...jwk, alg: "PS384" }],
      "a key of another kind with its id": [{ kty: "oct", kid: "k1", k: "AAAA" }],
      "two keys with its id": [jwk, jwk],
      "a key whose private part is published": [{ ...jwk, d: "AAAA" }],
    })) {
      await t.test(`${alg}, ${name}`, async () => void (await refused(issuer(...set).verify(assertion), "assertion")));
    }
  }
});

test("a weak RSA key of the issuer is none", async () => {
  const pair = await subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1) }, true, ["sign", "verify"]);
  const { keys } = await Identity.generate();
  const signed = `${spell({ alg: "RS256", typ: "e2ee-key+jwt", kid: "k1" })}.${spell({ iss: "i", tenant: "acme", sub: "ben", iat: now, exp: now + day, keys })}`;
  const signature = Buffer.from(await subtle.sign("RSASSA-PKCS1-v1_5", pair.privateKey, Buffer.from(signed))).toString("base64url");
  const set = { keys: [{ ...(await subtle.exportKey("jwk", pair.publicKey)), kid: "k1" } as JsonWebKey] };
  await refused(new Issuer({ issuer: "i", tenant: "acme", keys: set, now: () => start }).verify(`${signed}.${signature}`), "assertion");
});
