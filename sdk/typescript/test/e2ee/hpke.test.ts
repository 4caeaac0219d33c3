import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/e2ee/bytes.js";
import { hkdf, type Recipient, sharedSecret, unwrap, wrap } from "../../src/e2ee/hpke.js";

const { subtle } = globalThis.crypto;
const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

async function recipient(secret: string, pub: string): Promise<{ mine: Recipient; theirs: Recipient }> {
  const raw = hex(pub);
  const jwk = { kty: "OKP", crv: "X25519", x: Buffer.from(raw).toString("base64url"), d: Buffer.from(secret, "hex").toString("base64url") };
  const key = await subtle.importKey("jwk", jwk, "X25519", false, ["deriveBits"]);
  return { mine: { key, raw }, theirs: { key: await subtle.importKey("raw", raw, "X25519", true, []), raw } };
}

// RFC 9180, A.1.1; the part before the AEAD is the same for all of them.
const skR = "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8";
const pkR = "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d";
const skE = "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736";
const enc = "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431";
const shared = "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc";

test("DHKEM as RFC 9180, A.1.1, has it, from both ends", async () => {
  const [r, e] = [await recipient(skR, pkR), await recipient(skE, enc)];
  assert.deepEqual(await sharedSecret(r.mine.key, e.theirs.key, hex(enc), hex(pkR)), hex(shared), "of the recipient");
  assert.deepEqual(await sharedSecret(e.mine.key, r.theirs.key, hex(enc), hex(pkR)), hex(shared), "of the sender");
});

test("HKDF-SHA256 without a salt as RFC 5869, A.3, has it", async () => {
  const got = await hkdf(hex("0b".repeat(22)), new Uint8Array(0));
  assert.deepEqual(got, hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"));
});

test("what was wrapped is unwrapped by its recipient alone", async () => {
  const [r, e] = [await recipient(skR, pkR), await recipient(skE, enc)];
  const key = crypto.getRandomValues(new Uint8Array(32));
  const wrapped = await wrap(r.theirs, utf8("info"), key);
  assert.equal(wrapped.length, 80);
  assert.deepEqual(await unwrap(r.mine, utf8("info"), wrapped), key);
  await assert.rejects(unwrap(r.mine, utf8("ofni"), wrapped), "with another info");
  await assert.rejects(unwrap(e.mine, utf8("info"), wrapped), "by another key");
  for (const at of [0, 31, 32, 79]) {
    const changed = wrapped.map((byte, i) => (i === at ? byte ^ 1 : byte));
    await assert.rejects(unwrap(r.mine, utf8("info"), changed), `with byte ${at} changed`);
  }
  assert.notDeepEqual(await wrap(r.theirs, utf8("info"), key), wrapped, "wrapped twice");
});

test("an encapsulated key of low order unwraps nothing", async () => {
  const r = await recipient(skR, pkR);
  await assert.rejects(unwrap(r.mine, utf8("info"), new Uint8Array(80)));
});

test("what Go's crypto/hpke sealed is opened", async () => {
  const r = await recipient(skR, pkR);
  const sealed = hex(
    "51241b47d8e8a753b7e2f1f78232029d2cc2ce026935caaeba2006faf146c064" +
      "01f46cf90ad433ea2b3d5754a85344d44c0aeb3380348d1e4b4873c4254295717a01c95acd11a7c4674eb1c566",
  );
  assert.deepEqual(await unwrap(r.mine, utf8("Ode on a Grecian Urn"), sealed), utf8("Beauty is truth, truth beauty"));
});
