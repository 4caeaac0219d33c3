// What a gateway, a member, or somebody who was one would try. Each test is named after the attack.
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/e2ee/bytes.js";
import { ChannelKey, keyId } from "../../src/e2ee/channelkey.js";
import { writeGrant } from "../../src/e2ee/grant.js";
import type { Room } from "../../src/e2ee/index.js";
import { sealMessage } from "../../src/e2ee/message.js";
import { base64url, delivered, jws, type Person, refused, spell, three, unspell, World } from "./world.js";

const session = base64url(new Uint8Array(16));
const place = { tenant: "acme", channel: "room:1" };

/** A grant of ana's with a key that the test knows, as an attacker does who is a member. */
async function known(world: World, by: Person, to: readonly Person[], generation: number, bytes = crypto.getRandomValues(new Uint8Array(32)), where = place) {
  const terms = { key: await keyId(bytes), generation, created: Math.floor(world.clock.now / 1000) };
  const grant = await writeGrant(where, terms, bytes, by.identity, to.map(({ user, identity }) => ({ user, keys: identity.own, expired: () => false })));
  return { grant, bytes, key: await ChannelKey.of(terms, [], "", bytes) };
}

/** Encrypts whatever stands for a signed text. */
async function envelope(bytes: Uint8Array, inner: string, header: object = {}): Promise<string> {
  const kid = await keyId(new Uint8Array(bytes));
  const first = spell({ alg: "dir", enc: "A256GCM", kid, ...place, cty: "JWS", ...header });
  const key = await crypto.subtle.importKey("raw", new Uint8Array(bytes), "AES-GCM", false, ["encrypt"]);
  const iv = new Uint8Array(12);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(first) }, key, utf8(inner)));
  return [first, "", base64url(iv), base64url(sealed.slice(0, -16)), base64url(sealed.slice(-16))].join(".");
}

/** Ana's and ben's rooms, with a key that the test knows. */
async function transparent() {
  const world = await World.make();
  const [ana, ben, cid] = await Promise.all([world.person("ana"), world.person("ben"), world.person("cid")]);
  const { grant, bytes, key } = await known(world, ana, [ana, ben, cid], 1);
  const room = world.room(ana, [ana, ben, cid]);
  await room.accept(grant);
  const kid = await keyId(bytes);
  const inner = (by: Person, header: object = {}, payload: unknown = "hi") =>
    jws(
      by.identity.pairs.sign.privateKey,
      { alg: "EdDSA", typ: "portcullis-message+jws", kid: by.identity.own.sign, ...place, user: by.user, key: kid, session, counter: 1, ...header },
      payload,
    );
  return { world, ana, ben, cid, room, bytes, key, inner };
}

test("what members say to each other arrives, as bytes, text and JSON", async () => {
  const { rooms } = await three();
  for (const [value, want] of [["héllo", "héllo"], [{ text: "hi" }, '{"text":"hi"}'], [utf8("x"), "x"], ["", ""]] as const) {
    const sealed = await rooms.ben.seal(value);
    for (const room of [rooms.ana, rooms.cid, rooms.ben]) {
      const got = await room.open(delivered(sealed, "ben"));
      assert.deepEqual([got.user, got.text()], ["ben", want]);
    }
  }
  assert.deepEqual((await rooms.ana.open(delivered(await rooms.cid.seal({ n: 1 }), "cid"))).json(), { n: 1 });
});

test("the order of the protected headers is the one that everybody writes", async () => {
  const { rooms } = await three();
  const { text } = await rooms.ben.seal("x");
  assert.deepEqual(Object.keys(unspell(text.split(".")[0] as string)), ["alg", "enc", "kid", "tenant", "channel", "cty"]);
});

test("a member who forges another", async () => {
  const { room, ben, cid, bytes, inner } = await transparent();
  const asCid = await inner(ben, { kid: cid.identity.own.sign, user: "cid" });
  await refused(room.open(delivered(await envelope(bytes, asCid), "cid")), "signature");
  await refused(room.open(delivered(await envelope(bytes, await inner(ben, { user: "cid" })), "cid")), "sender");
  await refused(room.open(delivered(await envelope(bytes, await inner(ben)), "cid")), "sender");
  assert.equal((await room.open(delivered(await envelope(bytes, await inner(cid)), "cid"))).text(), "hi", "the real one, after the attempts");
});

test("a member who shows another's public key as theirs", async () => {
  const { world, ana, ben, cid, bytes, inner } = await transparent();
  const agree = (await world.person("x")).identity;
  const mallory = await world.person("mallory", { keys: [ben.identity.keys[0], agree.keys[1]] });
  const room = world.room(ana, [ana, ben, cid, mallory]);
  // Ana believes the issuer, and gives mallory the key.
  await room.accept((await known(world, ana, [ana, ben, { ...mallory, identity: { own: mallory.member.keys } as never }], 1, bytes)).grant);
  // Ben's own words, in an envelope of mallory's, through a gateway that is with mallory.
  await refused(room.open(delivered(await envelope(bytes, await inner(ben)), "mallory")), "sender");
  assert.equal((await room.open(delivered(await envelope(bytes, await inner(ben)), "ben"))).text(), "hi");
});

test("a gateway that changes the sender, or names none", async () => {
  const { rooms } = await three();
  const { text } = await rooms.ben.seal("x");
  await refused(rooms.ana.open(delivered(text, "cid")), "sender");
  await refused(rooms.ana.open({ data: text, encryption: "jwe" }), "sender");
});

test("a room whose message is carried to another", async () => {
  const { world, room, ana, ben, bytes, inner } = await transparent();
  await refused(room.open(delivered(await envelope(bytes, await inner(ben, { channel: "room:2" })), "ben")), "channel");
  await refused(room.open(delivered(await envelope(bytes, await inner(ben, { tenant: "umbrella" })), "ben")), "tenant");
  await refused(room.open(delivered(await envelope(bytes, await inner(ben, { key: await keyId(new Uint8Array(32)) })), "ben")), "key");
  await refused(room.open(delivered(await envelope(bytes, await inner(ben, { tenant: "umbrella" }), { tenant: "umbrella" }), "ben")), "tenant");
  // The whole message, to a room that was given the same key.
  const other = world.room(ana, [ana, ben], { channel: "room:2" });
  await other.accept((await known(world, ana, [ana, ben], 1, bytes, { tenant: "acme", channel: "room:2" })).grant);
  await refused(other.open(delivered(await envelope(bytes, await inner(ben)), "ben")), "channel");
});

test("a replay", async () => {
  const { rooms } = await three();
  const first = delivered(await rooms.ben.seal("1"), "ben");
  await rooms.ana.open(first);
  await refused(rooms.ana.open(first), "replay");
  const later = [];
  for (let i = 0; i < 65; i++) later.push(delivered(await rooms.ben.seal("x"), "ben"));
  await rooms.ana.open(later[64] as never);
  await rooms.ana.open(later[0] as never);
  await refused(rooms.ana.open(later[0] as never), "replay");
  await refused(rooms.ana.open(first), "replay");
});

test("a message that was refused does not use its place up", async () => {
  const { rooms } = await three();
  const { text } = await rooms.ben.seal("x");
  await refused(rooms.ana.open(delivered(text, "cid")), "sender");
  assert.equal((await rooms.ana.open(delivered(text, "ben"))).text(), "x");
});

test("plaintext in an encrypted room", async () => {
  const { rooms } = await three();
  const { text } = await rooms.ben.seal("x");
  await refused(rooms.ana.open({ data: text, from: { user: "ben" } }), "plaintext");
  await refused(rooms.ana.open({ data: { text: "hi" }, from: { user: "ben" } }), "plaintext");
  await refused(rooms.ana.open({ data: text, encryption: "none", from: { user: "ben" } }), "plaintext");
  await refused(rooms.ana.open({ data: { text: "hi" }, encryption: "jwe", from: { user: "ben" } }), "form");
});

test("a message in another form", async (t) => {
  const { room, ben, bytes, inner } = await transparent();
  const text = await envelope(bytes, await inner(ben));
  const [first, , iv, ciphertext, tag] = text.split(".") as [string, string, string, string, string];
  const header = unspell(first);
  const rows: [name: string, text: string][] = [
    ["four parts", [first, iv, ciphertext, tag].join(".")],
    ["six parts", text + "."],
    ["an encrypted key", [first, "AA", iv, ciphertext, tag].join(".")],
    ["a short IV", [first, "", iv.slice(4), ciphertext, tag].join(".")],
    ["a short tag", [first, "", iv, ciphertext, tag.slice(0, 16)].join(".")],
    ["padding", text + "=="],
    ["nothing in it", [first, "", iv, "", tag].join(".")],
    ["alg none", [spell({ ...header, alg: "none" }), "", iv, ciphertext, tag].join(".")],
    ["A128GCM", [spell({ ...header, enc: "A128GCM" }), "", iv, ciphertext, tag].join(".")],
    ["zip", [spell({ ...header, zip: "DEF" }), "", iv, ciphertext, tag].join(".")],
    ["a header that is not known", [spell({ ...header, x: 1 }), "", iv, ciphertext, tag].join(".")],
    ["a header too few", [spell({ ...header, cty: undefined }), "", iv, ciphertext, tag].join(".")],
    ["a header twice", [spell(JSON.stringify(header).replace("{", '{"alg":"dir",')), "", iv, ciphertext, tag].join(".")],
    ["a header of more than 1 KiB", [spell({ ...header, channel: "x".repeat(1024) }), "", iv, ciphertext, tag].join(".")],
    ["JSON inside", await envelope(bytes, "{}")],
    ["no signature inside", await envelope(bytes, (await inner(ben)).replace(/[^.]*$/, ""))],
    ["a short signature inside", await envelope(bytes, (await inner(ben)).replace(/[^.]*$/, "AAAA"))],
    ["alg none inside", await envelope(bytes, await inner(ben, { alg: "none" }))],
    ["HS256 inside", await envelope(bytes, await inner(ben, { alg: "HS256" }))],
    ["another type inside", await envelope(bytes, await inner(ben, { typ: "portcullis-grant+jws" }))],
    ["a header that is not known inside", await envelope(bytes, await inner(ben, { crit: ["x"], x: 1 }))],
    ["no user inside", await envelope(bytes, await inner(ben, { user: "" }))],
    ["a short session", await envelope(bytes, await inner(ben, { session: "AAAA" }))],
    ["counter 0", await envelope(bytes, await inner(ben, { counter: 0 }))],
    ["a counter that is a text", await envelope(bytes, await inner(ben, { counter: "1" }))],
    ["a counter beyond 2^53-1", await envelope(bytes, await inner(ben, { counter: 2 ** 53 }))],
    ["a counter of 1.5", await envelope(bytes, await inner(ben, { counter: 1.5 }))],
  ];
  for (const [name, row] of rows) await t.test(name, async () => void (await refused(room.open(delivered(row, "ben")), "form")));
  assert.equal((await room.open(delivered(text, "ben"))).text(), "hi", "the message itself");
});

test("a message that was changed on its way", async () => {
  const { rooms } = await three();
  const parts = (await rooms.ben.seal("x")).text.split(".");
  for (const at of [2, 3, 4]) {
    const changed = parts.map((part, i) => (i === at ? (part.startsWith("A") ? "B" : "A") + part.slice(1) : part)).join(".");
    await refused(rooms.ana.open(delivered(changed, "ben")), "tampered");
  }
  const header = unspell(parts[0] as string);
  const shuffled = [spell({ cty: header.cty, ...header }), ...parts.slice(1)].join(".");
  await refused(rooms.ana.open(delivered(shuffled, "ben")), "tampered");
});

test("a removed member", async () => {
  const { world, rooms } = await three();
  const before = await rooms.cid.seal("before");
  const late = await rooms.cid.seal("late");
  const grant = await rooms.ana.remove("cid");
  await rooms.ben.accept(grant);
  await refused(rooms.cid.accept(grant), "not_member");
  await refused(rooms.cid.open(delivered(await rooms.ana.seal("secret"), "ana")), "key");
  for (const room of [rooms.ana, rooms.ben]) {
    await refused(room.open(delivered(late, "cid")), "sender");
    assert.equal((await room.history().open(delivered(before, "cid"))).text(), "before", "history has what they said");
  }
  await refused(rooms.ana.remove("cid"), "not_member");
  await refused(rooms.ana.remove("nobody"), "not_member");
  await refused(rooms.ana.remove("ana"), "distributor");
  await refused(rooms.ben.remove("cid"), "distributor");
  // Who comes back has the next generation.
  rooms.ana.add((await world.person("cid")).member);
  assert.equal(await rooms.ana.generate().then(() => rooms.ana.generation), 3);
});

test("a removed member whose successor key could not be made", async (t) => {
  const { rooms } = await three();
  const mocked = t.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new Error("no entropy")));
  await assert.rejects(rooms.ana.remove("cid"), /no entropy/);
  await refused(rooms.ana.seal("x"), "expired");
  await refused(rooms.ana.open(delivered(await rooms.cid.seal("x"), "cid")), "sender");
  mocked.mock.restore();
  await rooms.ana.generate();
  await rooms.ana.seal("x");
});

test("a removed member with another device", async (t) => {
  const world = await World.make();
  const [ana, phone, laptop] = await Promise.all([world.person("ana"), world.person("ben"), world.person("ben")]);
  const room = world.room(ana, [phone]);
  await room.accept((await known(world, ana, [ana, laptop], 1)).grant);
  const mocked = t.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new Error("no entropy")));
  await assert.rejects(room.remove("ben"), /no entropy/);
  await refused(room.seal("x"), "expired");
  mocked.mock.restore();
  await room.generate();
  await room.seal("x");
});

test("an old key is no key", async () => {
  const { world, rooms } = await three();
  const [first, second, third] = [await rooms.ben.seal("1"), await rooms.ben.seal("2"), await rooms.ben.seal("3")];
  await rooms.ana.generate();
  world.clock.pass(59.999);
  assert.equal((await rooms.ana.open(delivered(first, "ben"))).text(), "1", "within the minute");
  world.clock.pass(0.001);
  await refused(rooms.ana.open(delivered(second, "ben")), "key");
  assert.equal((await rooms.ana.history().open(delivered(second, "ben"))).text(), "2");
  await rooms.ana.generate();
  await refused(rooms.ana.open(delivered(third, "ben")), "key");
});

test("the key before the newest is not the one that comes late", async () => {
  const { world, ana, ben } = await three();
  const distributor = world.room(ana, [ana, ben]);
  const grants = [await distributor.generate(), await distributor.generate(), await distributor.generate()] as const;
  const room = world.room(ben, [ana, ben]);
  const speaker = world.room(ana, [ana, ben]);
  await speaker.accept(grants[1]);
  const late = delivered(await speaker.seal("x"), "ana");
  await room.accept(grants[0]);
  await room.accept(grants[2]);
  await room.accept(grants[1]);
  assert.equal(room.generation, 3);
  await refused(room.open(late), "key");
  assert.equal((await room.history().open(late)).text(), "x");
});

test("a sender who is unknown, or was never given the key", async () => {
  const { world, ana, ben, rooms, grant } = await three();
  const dan = await world.person("dan");
  const few = world.room(ana, [ana]);
  await few.accept(grant);
  await refused(few.open(delivered(await rooms.ben.seal("x"), "ben")), "sender");
  const { key, grant: second } = await known(world, ana, [ana, ben], 2);
  rooms.ana.add(dan.member);
  await rooms.ana.accept(second);
  const said = await sealMessage(place, key, { user: "dan", identity: dan.identity, session, counter: 1 }, utf8("x"));
  await refused(rooms.ana.open(delivered(said, "dan")), "sender");
  await refused(rooms.ana.history().open(delivered(said, "dan")), "sender");
});

test("a member whose assertion has ended", async () => {
  const { world, ana, ben, rooms } = await three();
  const short = await world.person("dan", { exp: Math.floor(world.clock.now / 1000) + 60 });
  rooms.ana.add(short.member);
  const room = world.room(short, [ana, ben]);
  await room.accept(await rooms.ana.generate());
  const [one, two] = [await room.seal("1"), await room.seal("2")];
  world.clock.pass(89);
  await rooms.ana.open(delivered(one, "dan"));
  world.clock.pass(1);
  await refused(rooms.ana.open(delivered(two, "dan")), "expired");
  await refused(() => rooms.ana.add(short.member), "expired");
  // A new assertion for the same keys, and the message is good.
  rooms.ana.add(await world.issuer().verify(await world.authority.assert({ sub: "dan", keys: short.identity.keys })));
  assert.equal((await rooms.ana.open(delivered(two, "dan"))).text(), "2");
});

test("a member of another tenant", async () => {
  const { world, rooms } = await three();
  const other = await world.issuer("umbrella").verify(await world.authority.assert({ sub: "eve", tenant: "umbrella", keys: (await world.person("eve")).identity.keys }));
  await refused(() => rooms.ana.add(other), "tenant");
});

test("a sender who begins more sessions than anybody remembers", async () => {
  const { room, ben, key } = await transparent();
  const say = async (n: number, counter: number) => {
    const own = new Uint8Array(16);
    new DataView(own.buffer).setUint32(0, n);
    return delivered(await sealMessage(place, key, { user: "ben", identity: ben.identity, session: base64url(own), counter }, utf8("x")), "ben");
  };
  const first = await say(0, 1);
  await room.open(first);
  for (let n = 1; n < 1024; n++) await room.open(await say(n, 1));
  await refused(room.open(await say(1024, 1)), "replay");
  await refused(room.open(first), "replay");
  await room.open(await say(0, 2));
});

test("a room that would be nobody's is not made", async () => {
  const { world, ana } = await three();
  const make = (options: object) => () => world.room({ ...ana, ...options }, [], options);
  for (const options of [{ tenant: "" }, { channel: "" }, { user: "" }, { distributors: [] }, { channel: "\ud800" }, { channel: "x".repeat(256) }, { user: "x".repeat(2049) }]) {
    await refused(make(options), "form");
  }
  make({ tenant: "x".repeat(63), channel: "x".repeat(255), user: "x".repeat(2048) })();
});

test("what cannot be sealed is refused", async () => {
  const { rooms } = await three();
  await refused(rooms.ana.seal(() => 1), "form");
  const got = await rooms.ben.open(delivered(await rooms.ana.seal(Uint8Array.of(0xff)), "ana"));
  await refused(() => got.text(), "form");
  await refused(() => got.json(), "form");
});

test("an error says nothing of what was encrypted", async () => {
  const { world, ana, ben } = await three();
  const room: Room = world.room(ben, [ana, ben]);
  const speaker = world.room(ana, [ana, ben]);
  await room.accept(await speaker.generate());
  const sealed = delivered(await speaker.seal("the secret"), "ana");
  await room.open(sealed);
  const error = await refused(room.open(sealed), "replay");
  assert.ok(!JSON.stringify({ ...error, message: error.message, stack: error.stack }).includes("secret"));
});
