import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId } from "../../src/e2ee/channelkey.js";
import { writeGrant } from "../../src/e2ee/grant.js";
import type { Known } from "../../src/e2ee/roster.js";
import { base64url, delivered, jws, type Person, refused, spell, three, unspell, World } from "./world.js";

const place = { tenant: "acme", channel: "room:1" };
const day = 86_400;

const everywhere = ({ user, identity }: Person): Known => ({ user, keys: identity.own, expired: () => false });

async function grant(world: World, by: Person, to: readonly Person[], options: { generation?: number; created?: number; key?: Uint8Array; place?: typeof place } = {}) {
  const key = new Uint8Array(options.key ?? crypto.getRandomValues(new Uint8Array(32)));
  const { generation = 1, created = Math.floor(world.clock.now / 1000) } = options;
  return writeGrant(options.place ?? place, { key: await keyId(key), generation, created }, key, by.identity, to.map(everywhere));
}

async function cast() {
  const world = await World.make();
  const [ana, ben, cid] = await Promise.all([world.person("ana"), world.person("ben"), world.person("cid")]);
  return { world, ana, ben, cid, room: world.room(ben, [ana, ben, cid]) };
}

/** The same grant, saying something else, signed anew. */
async function altered(text: string, by: Person, change: (payload: Record<string, unknown>) => unknown, header: object = {}): Promise<string> {
  const [first, payload] = text.split(".") as [string, string];
  return jws(by.identity.pairs.sign.privateKey, { ...unspell(first), ...header }, change(unspell(payload)));
}

test("a grant of an impostor", async () => {
  const { world, ana, ben, cid, room } = await cast();
  await refused(room.accept(await grant(world, cid, [ana, ben])), "distributor");
  await refused(room.accept(await grant(world, await world.person("ana"), [ana, ben])), "distributor");
  const forged = await altered(await grant(world, cid, [ana, ben]), cid, (payload) => payload, { kid: ana.identity.own.sign });
  await refused(room.accept(forged), "signature");
  await refused(room.generate(), "distributor");
  assert.equal(room.generation, 0);
});

test("a grant that goes back", async () => {
  const { world, ana, ben, room } = await cast();
  const key = crypto.getRandomValues(new Uint8Array(32));
  const five = await grant(world, ana, [ana, ben], { generation: 5, key });
  await room.accept(five);
  await room.accept(five);
  await refused(room.accept(await grant(world, ana, [ana, ben], { generation: 5 })), "rollback");
  await refused(room.accept(await grant(world, ana, [ana, ben, await world.person("dan")], { generation: 5, key })), "rollback");
  await refused(room.accept(await grant(world, ana, [ana, ben], { generation: 6, key })), "rollback");
  await room.accept(await grant(world, ana, [ana, ben], { generation: 4 }));
  assert.equal(room.generation, 5, "an older one is for reading alone");
});

test("64 generations are held, and none that is older comes back", async () => {
  const { world, ana, ben, room } = await cast();
  const grants = [];
  for (let generation = 1; generation <= 66; generation++) grants.push(await grant(world, ana, [ana, ben], { generation }));
  const said = [];
  for (const [i, text] of grants.entries()) {
    const speaker = world.room(ana, []);
    await speaker.accept(text);
    said.push(delivered(await speaker.seal(String(i + 1)), "ana"));
    if (i > 0) await room.accept(text);
  }
  const reader = room.history();
  assert.equal((await reader.open(said[2] as never)).text(), "3");
  await refused(reader.open(said[1] as never), "key");
  await refused(room.accept(grants[1]), "rollback");
  await refused(room.accept(grants[0]), "rollback");
});

test("a grant for another room", async () => {
  const { world, ana, ben, room } = await cast();
  await refused(room.accept(await grant(world, ana, [ana, ben], { place: { tenant: "umbrella", channel: "room:1" } })), "tenant");
  await refused(room.accept(await grant(world, ana, [ana, ben], { place: { tenant: "acme", channel: "room:2" } })), "channel");
  // The distributor's own hand is needed for the text; what is wrapped does not open all the same.
  const other = await grant(world, ana, [ana, ben], { place: { tenant: "acme", channel: "room:2" } });
  await refused(room.accept(await altered(other, ana, (payload) => ({ ...payload, channel: "room:1" }))), "tampered");
  await refused(room.accept(await altered(await grant(world, ana, [ana, ben]), ana, (payload) => ({ ...payload, generation: 2 }))), "tampered");
});

test("a wrap for somebody else", async () => {
  const { world, ana, ben, cid, room } = await cast();
  await refused(room.accept(await grant(world, ana, [ana, cid])), "not_member");
  const two = { ...(await world.person("ben")) };
  await refused(room.accept(await grant(world, ana, [ana, two])), "not_member");
  const moved = await altered(await grant(world, ana, [ben, cid]), ana, (payload) => {
    const [mine, theirs] = payload.members as { wrapped: string }[];
    return { ...payload, members: [{ ...mine, wrapped: theirs?.wrapped }, theirs] };
  });
  await refused(room.accept(moved), "tampered");
});

test("a key that is not the one that the grant names", async () => {
  const { world, ana, ben, room } = await cast();
  const key = crypto.getRandomValues(new Uint8Array(32));
  const lie = { key: await keyId(crypto.getRandomValues(new Uint8Array(32))), generation: 1, created: Math.floor(world.clock.now / 1000) };
  await refused(room.accept(await writeGrant(place, lie, key, ana.identity, [everywhere(ana), everywhere(ben)])), "key");
});

test("a grant whose signature is not over it", async () => {
  const { world, ana, ben, room } = await cast();
  const [header, payload, signature] = (await grant(world, ana, [ana, ben])).split(".") as [string, string, string];
  await refused(room.accept([header, spell({ ...unspell(payload), generation: 9 }), signature].join(".")), "signature");
});

test("a grant in another form", async (t) => {
  const { world, ana, ben, room } = await cast();
  const text = await grant(world, ana, [ana, ben]);
  const [header, payload] = text.split(".") as [string, string];
  const rows: [name: string, text: unknown][] = [
    ["no text", { text }],
    ["a message", "a.b.c.d.e"],
    ["a fourth part", text + ".AA"],
    ["longer than 1 MiB", text + "A".repeat(1 << 20)],
    ["a short signature", `${header}.${payload}.AAAA`],
    ["alg none", await altered(text, ana, (all) => all, { alg: "none" })],
    ["another type", await altered(text, ana, (all) => all, { typ: "JWT" })],
    ["a header more", await altered(text, ana, (all) => all, { x: 1 })],
    ["a kid that is none", await altered(text, ana, (all) => all, { kid: "ana" })],
    ["a member more", await altered(text, ana, (all) => ({ ...all, x: 1 }))],
    ["a member twice", await altered(text, ana, (all) => JSON.stringify(all).replace("{", '{"generation":1,'))],
    ["no channel", await altered(text, ana, ({ channel: _, ...all }) => all)],
    ["generation 0", await altered(text, ana, (all) => ({ ...all, generation: 0 }))],
    ["generation 1.0", await altered(text, ana, (all) => JSON.stringify(all).replace('"generation":1', '"generation":1.0'))],
    ["generation 2^53", await altered(text, ana, (all) => ({ ...all, generation: 2 ** 53 }))],
    ["a time before 1970", await altered(text, ana, (all) => ({ ...all, created: -1 }))],
    ["nobody", await altered(text, ana, (all) => ({ ...all, members: [] }))],
    ["somebody twice", await altered(text, ana, (all) => ({ ...all, members: [...(all.members as []), ...(all.members as [])] }))],
    ["an entry with more", await altered(text, ana, (all) => ({ ...all, members: (all.members as object[]).map((entry) => ({ ...entry, x: 1 })) }))],
    ["a short wrap", await altered(text, ana, (all) => ({ ...all, members: (all.members as object[]).map((entry) => ({ ...entry, wrapped: base64url(new Uint8Array(79)) })) }))],
  ];
  for (const [name, row] of rows) await t.test(name, async () => void (await refused(room.accept(row), "form")));
  await room.accept(text);
});

test("a distributor whose assertion has ended", async () => {
  const { world, ben, room } = await cast();
  const ana = await world.person("ana", { exp: Math.floor(world.clock.now / 1000) + 60 });
  room.add(ana.member);
  const text = await grant(world, ana, [ana, ben]);
  world.clock.pass(90);
  await refused(room.accept(text), "expired");
});

test("a grant from the future", async () => {
  const { world, ana, ben, room } = await cast();
  const now = Math.floor(world.clock.now / 1000);
  await refused(room.accept(await grant(world, ana, [ana, ben], { created: now + 61 })), "expired");
  await room.accept(await grant(world, ana, [ana, ben], { created: now + 60 }));
});

test("a key seals for 24 hours, and opens after them", async () => {
  const { world, rooms } = await three();
  world.clock.pass(day - 0.001);
  const last = await rooms.ben.seal("last");
  world.clock.pass(0.001);
  await refused(rooms.ben.seal("later"), "expired");
  assert.equal((await rooms.ana.open(delivered(last, "ben"))).text(), "last");
  const next = await rooms.ana.generate();
  await rooms.ben.accept(next);
  await rooms.ben.seal("on");
});

test("a grant that is older than a day is for reading alone", async () => {
  const { world, ana, ben, room } = await cast();
  const speaker = world.room(ana, [ana, ben]);
  const text = await speaker.generate();
  const said = delivered(await speaker.seal("x"), "ana");
  world.clock.pass(2 * day);
  await room.accept(text);
  await refused(room.seal("y"), "expired");
  assert.equal((await room.history().open(said)).text(), "x");
});

test("a room without a key seals nothing", async () => {
  const { room } = await cast();
  await refused(room.seal("x"), "key");
});

test("who was not added, was removed, or whose assertion has ended is not given the key", async () => {
  const { world, ana, ben, cid } = await cast();
  const short = await world.person("dan", { exp: Math.floor(world.clock.now / 1000) + 60 });
  const room = world.room(ana, [ben, cid, short.member && short]);
  const members = (text: string) => (unspell(text.split(".")[1] as string).members as { user: string }[]).map(({ user }) => user).sort();
  assert.deepEqual(members(await room.generate()), ["ana", "ben", "cid", "dan"]);
  world.clock.pass(90);
  assert.deepEqual(members(await room.remove("cid")), ["ana", "ben"]);
  assert.deepEqual(members(await room.generate()), ["ana", "ben"]);
  room.add(cid.member);
  assert.deepEqual(members(await room.generate()), ["ana", "ben", "cid"]);
});

test("each device of a user has its own entry", async () => {
  const { world, ana } = await cast();
  const [phone, laptop] = [await world.person("ben"), await world.person("ben")];
  const distributor = world.room(ana, [phone, laptop]);
  const text = await distributor.generate();
  const rooms = [world.room(phone, [ana, laptop]), world.room(laptop, [ana, phone])] as const;
  await Promise.all(rooms.map((room) => room.accept(text)));
  const said = delivered(await rooms[0].seal("x"), "ben");
  assert.equal((await rooms[1].open(said)).text(), "x");
  assert.equal((await distributor.open(said)).text(), "x");
});

test("a distributor that starts again goes on from its newest grant", async () => {
  const { world, ana, ben, grant: first } = await three();
  const again = world.room(ana, [ben]);
  await again.accept(first);
  await again.generate();
  assert.equal(again.generation, 2);
});
