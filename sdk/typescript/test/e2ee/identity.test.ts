import assert from "node:assert/strict";
import { test } from "node:test";
import { calculateJwkThumbprint, type JWK } from "jose";
import { Identity, UnsupportedError } from "../../src/e2ee/index.js";
import { refused } from "./world.js";

test("a new identity does not let its private keys go", async () => {
  const identity = await Identity.generate();
  const { sign, agree } = identity.pairs;
  assert.deepEqual([sign.privateKey.extractable, agree.privateKey.extractable], [false, false]);
  await refused(identity.export(), "key");
});

test("an identity comes back from its export, and from its pairs as IndexedDB clones them", async () => {
  const identity = await Identity.generate({ extractable: true });
  const parsed = await Identity.parse(await identity.export());
  assert.deepEqual(parsed.keys, identity.keys);
  await refused(parsed.export(), "key");
  assert.equal(await (await Identity.parse(await identity.export(), { extractable: true })).export(), await identity.export());
  assert.deepEqual((await Identity.from(structuredClone(identity.pairs))).keys, identity.keys);
});

test("what is given away of an identity has nothing private, and its ids are thumbprints", async () => {
  const identity = await Identity.generate({ extractable: true });
  assert.deepEqual(identity.keys.map((jwk) => [jwk.kty, jwk.crv, Object.keys(jwk).length]), [["OKP", "Ed25519", 3], ["OKP", "X25519", 3]]);
  const want = await Promise.all(identity.keys.map((jwk) => calculateJwkThumbprint(jwk as JWK)));
  assert.deepEqual([identity.own.sign, identity.own.to], want);
});

test("an identity that is none is refused", async (t) => {
  const [json, other] = await Promise.all([0, 1].map(async () => (await Identity.generate({ extractable: true })).export()));
  const good = JSON.parse(json as string) as Record<string, Record<string, string>>;
  const bad = JSON.parse(other as string) as typeof good;
  const rows: [name: string, text: string][] = [
    ["no JSON", "{"],
    ["a list", "[]"],
    ["one key missing", JSON.stringify({ sign: good.sign })],
    ["one key too many", JSON.stringify({ ...good, third: good.sign })],
    ["a key twice", `{"sign":${JSON.stringify(good.sign)},${json?.slice(1)}`],
    ["the two exchanged", JSON.stringify({ sign: good.agree, agree: good.sign })],
    ["no private part", JSON.stringify({ ...good, sign: { ...good.sign, d: undefined } })],
    ["a short private part", JSON.stringify({ ...good, sign: { ...good.sign, d: "AAAA" } })],
    ["another's public Ed25519 key", JSON.stringify({ ...good, sign: { ...good.sign, x: bad.sign?.x } })],
    ["another's public X25519 key", JSON.stringify({ ...good, agree: { ...good.agree, x: bad.agree?.x } })],
    ["base64url with spare bits", JSON.stringify({ ...good, sign: { ...good.sign, d: spare(good.sign?.d as string) } })],
  ];
  for (const [name, text] of rows) await t.test(name, async () => void (await refused(Identity.parse(text), "form")));
});

// The last letter of 32 bytes has two bits that stand for nothing.
function spare(text: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.slice(0, -1) + letters[letters.indexOf(text.at(-1) as string) + 1];
}

interface Pair {
  readonly sign: JsonWebKey;
  readonly agree: JsonWebKey;
}

test("two halves that do not belong together are refused where the browser does not look at them", async (t) => {
  const [json, other] = await Promise.all([0, 1].map(async () => (await Identity.generate({ extractable: true })).export()));
  const [good, bad] = [JSON.parse(json as string), JSON.parse(other as string)] as [Pair, Pair];
  // A browser that reads d alone, and finds x by itself.
  const real = crypto.subtle.importKey.bind(crypto.subtle) as (...args: unknown[]) => Promise<CryptoKey>;
  t.mock.method(crypto.subtle, "importKey", (format: string, key: JsonWebKey, ...rest: unknown[]) =>
    real(format, format === "jwk" ? { ...key, x: [good.sign, good.agree].find(({ d }) => d === key.d)?.x } : key, ...rest));
  await Identity.parse(JSON.stringify(good));
  await refused(Identity.parse(JSON.stringify({ ...good, sign: { ...good.sign, x: bad.sign.x } })), "form");
  await refused(Identity.parse(JSON.stringify({ ...good, agree: { ...good.agree, x: bad.agree.x } })), "form");
});

test("pairs of another curve are no identity", async () => {
  const { sign, agree } = (await Identity.generate()).pairs;
  await refused(Identity.from({ sign: agree, agree: sign }), "form");
});

test("a browser without an algorithm is told which, and what has it", async (t) => {
  t.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError")));
  await assert.rejects(Identity.generate(), (error) => error instanceof UnsupportedError && error.algorithm === "Ed25519" && error.message.includes("Chrome or Edge 137"));
});

test("a page that did not come over https is told so", async (t) => {
  t.mock.getter(globalThis, "crypto", () => ({}) as Crypto);
  await assert.rejects(Identity.generate(), (error) => error instanceof UnsupportedError && error.message.includes("over https"));
});
