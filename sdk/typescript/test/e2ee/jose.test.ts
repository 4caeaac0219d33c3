// A library that nobody here wrote reads what is sealed here, and what it seals is read here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CompactEncrypt, compactDecrypt, CompactSign, compactVerify, importJWK, type JWK, SignJWT } from "jose";
import { decode, utf8 } from "../../src/e2ee/bytes.js";
import { Room } from "../../src/e2ee/index.js";
import { given, grants, identity, Scene } from "./given.js";
import { delivered, refused } from "./world.js";

const first = grants.find(({ name }) => name === "first") ?? assert.fail("grants.json has no first");
const channelKey = decode(first.key) ?? assert.fail("no base64url");
const ben = given.members.ben ?? assert.fail("there is no ben");
const place = { tenant: given.tenant, channel: "room:1" };
const session = "AAAAAAAAAAAAAAAAAAAAAA";

async function roomOf(user: string): Promise<Room> {
  const scene = new Scene();
  const room = await scene.enter({ ...first.room, user });
  await room.accept(first.text);
  return room;
}

const privateKey = async (name: string) => importJWK((JSON.parse(await (await identity(name, { extractable: true })).export()) as { sign: JWK }).sign, "EdDSA");

test("jose opens what is sealed here", async () => {
  const { text } = await (await roomOf("ben")).seal({ text: "hi" });
  const jwe = await compactDecrypt(text, channelKey, { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] });
  assert.deepEqual(jwe.protectedHeader, { alg: "dir", enc: "A256GCM", kid: first.kid, ...place, cty: "JWS" });
  const jwk = (await identity("ben")).keys[0];
  const jws = await compactVerify(jwe.plaintext, await importJWK(jwk as JWK, "EdDSA"), { algorithms: ["EdDSA"] });
  const { session, ...header } = jws.protectedHeader;
  assert.deepEqual(header, { alg: "EdDSA", typ: "portcullis-message+jws", kid: ben.sign, ...place, user: "ben", key: first.kid, counter: 1 });
  assert.match(session as string, /^[\w-]{22}$/);
  assert.equal(Buffer.from(jws.payload).toString(), '{"text":"hi"}');
});

async function sealedByJose(header: object = {}): Promise<string> {
  const jws = await new CompactSign(utf8("from jose"))
    .setProtectedHeader({ alg: "EdDSA", typ: "portcullis-message+jws", kid: ben.sign, ...place, user: "ben", key: first.kid, session, counter: 1, ...header })
    .sign(await privateKey("ben"));
  return new CompactEncrypt(utf8(jws)).setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: first.kid, ...place, cty: "JWS" }).encrypt(channelKey);
}

test("what jose seals is opened here", async () => {
  const room = await roomOf("cid");
  assert.equal((await room.open(delivered(await sealedByJose(), "ben"))).text(), "from jose");
  await refused(room.open(delivered(await sealedByJose(), "ben")), "replay");
  await refused(room.open(delivered(await sealedByJose({ channel: "room:2" }), "ben")), "channel");
});

test("jose verifies what a distributor grants", async () => {
  const room = new Room({ ...place, user: "ana", identity: await identity("ana"), distributors: ["ana"], now: new Scene().clock.read });
  const jwk = (await identity("ana")).keys[0];
  const { payload, protectedHeader } = await compactVerify(await room.generate(), await importJWK(jwk as JWK, "EdDSA"));
  assert.deepEqual(protectedHeader, { alg: "EdDSA", typ: "portcullis-grant+jws", kid: given.members.ana?.sign });
  const grant = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
  assert.deepEqual(Object.keys(grant), ["tenant", "channel", "key", "generation", "created", "members"]);
});

test("an assertion that jose signed is believed", async () => {
  const { keys } = await identity("ben");
  const { issuer_private: key } = given as unknown as { issuer_private: JWK };
  const assertion = await new SignJWT({ tenant: given.tenant, keys })
    .setProtectedHeader({ alg: "EdDSA", typ: "e2ee-key+jwt", kid: key.kid as string })
    .setIssuer(given.issuer).setSubject("ben").setIssuedAt(given.now).setExpirationTime(given.now + 3600)
    .sign(await importJWK(key, "EdDSA"));
  assert.equal((await new Scene().issuer().verify(assertion)).user, "ben");
});
