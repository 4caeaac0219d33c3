// Asynchronous cryptography, and what must hold however little of it is awaited.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChannelKey } from "../../src/e2ee/channelkey.js";
import type { EncryptionError } from "../../src/e2ee/index.js";
import { delivered, refused, three } from "./world.js";

test("of two openings of one text at once exactly one succeeds", async () => {
  const { rooms } = await three();
  const said = delivered(await rooms.ben.seal("x"), "ben");
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => rooms.ana.open(said)));
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", ...Array<string>(7).fill("rejected")]);
  for (const result of results) if (result.status === "rejected") assert.equal((result.reason as EncryptionError).reason, "replay");
});

test("of two openings at once in one reading exactly one succeeds, and in two readings both", async () => {
  const { rooms } = await three();
  const said = delivered(await rooms.ben.seal("x"), "ben");
  const [one, two] = [rooms.ana.history(), rooms.ana.history()];
  const results = await Promise.allSettled([one.open(said), one.open(said), two.open(said), rooms.ana.open(said)]);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled", "fulfilled"]);
});

test("what is sealed at once is sealed and opened in the order of the calls", async () => {
  const { rooms } = await three();
  const sealed = await Promise.all(Array.from({ length: 100 }, (_, i) => rooms.ben.seal(String(i))));
  const order: string[] = [];
  const opened = sealed.map((text) => rooms.ana.open(delivered(text, "ben")).then((got) => order.push(got.text())));
  await Promise.all(opened);
  assert.deepEqual(order, Array.from({ length: 100 }, (_, i) => String(i)));
  assert.equal(new Set(sealed.map(({ text }) => text.split(".")[2])).size, 100, "each has an IV of its own");
});

test("what is asked without waiting is done in the order of the calls", async () => {
  const { world, ana, ben } = await three();
  const distributor = world.room(ana, [ben]);
  const room = world.room(ben, [ana]);
  const first = distributor.generate();
  const said = distributor.seal("first");
  const second = distributor.generate();
  const later = distributor.seal("second");
  const results = await Promise.all([
    room.accept(await first),
    room.open(delivered(await said, "ana")),
    room.accept(await second),
    room.open(delivered(await later, "ana")),
  ]);
  assert.deepEqual([results[1].text(), results[3].text()], ["first", "second"]);
  // What was asked for before a removal is done before it.
  const before = distributor.seal("before");
  const removed = distributor.remove("ben");
  const after = distributor.seal("after");
  await room.open(delivered(await before, "ana"));
  await removed;
  await refused(room.open(delivered(await after, "ana")), "key");
});

test("who is added again after a removal was asked for is not removed by it", async () => {
  const { world, ana, ben, cid } = await three();
  const room = world.room(ana, [ben, cid]);
  const again = await world.person("ben");
  const removing = room.remove("ben");
  room.add(again.member);
  const newcomer = world.room(again, [ana]);
  await newcomer.accept(await removing.then(() => room.generate()));
});

test("a message whose object is changed while it waits is opened as it came", async () => {
  const { rooms } = await three();
  const [one, two] = [await rooms.ben.seal("1"), await rooms.ben.seal("2")];
  const message = { data: one.text, encryption: "jwe", from: { user: "ben" } };
  const opening = rooms.ana.open(message);
  Object.assign(message, { data: two.text });
  assert.equal((await opening).text(), "1");
  const bytes = Uint8Array.of(1);
  const sealing = rooms.ben.seal(bytes);
  bytes[0] = 2;
  assert.deepEqual((await rooms.ana.open(delivered(await sealing, "ben"))).bytes, Uint8Array.of(1));
});

test("one that is refused does not hold up those behind it", async () => {
  const { rooms } = await three();
  const [bad, good] = await Promise.allSettled([rooms.ana.open({ data: "x", encryption: "jwe" }), rooms.ben.seal("x").then((s) => rooms.ana.open(delivered(s, "ben")))]);
  assert.deepEqual([bad.status, good.status], ["rejected", "fulfilled"]);
});

test("a key serves 2^28 messages, sealed and opened", async (t) => {
  const { rooms } = await three();
  // Each message counts for a quarter of them.
  t.mock.method(ChannelKey.prototype, "serve", function (this: ChannelKey) {
    this.served += 2 ** 26;
  });
  const said = await Promise.all(["1", "2", "3", "4"].map((text) => rooms.ben.seal(text)));
  assert.match((await refused(rooms.ben.seal("5"), "expired")).message, /268435456 messages/);
  const reader = rooms.ana.history();
  await rooms.ana.open(delivered(said[0] as never, "ben"));
  await rooms.ana.open(delivered(said[1] as never, "ben"));
  await reader.open(delivered(said[0] as never, "ben"));
  await refused(rooms.ana.open(delivered(said[0] as never, "ben")), "replay");
  await rooms.ana.seal("the last");
  await refused(rooms.ana.seal("one more"), "expired");
  assert.equal((await rooms.ana.open(delivered(said[2] as never, "ben"))).text(), "3", "what others sealed is opened");
  await rooms.ana.generate();
  await rooms.ana.seal("with the next key");
});
