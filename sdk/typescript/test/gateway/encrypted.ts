// Members of an encrypted room, over a gateway that takes nothing else on its channel.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { EncryptionError, Identity, Issuer, type Member, Room } from "../../src/e2ee/index.js";
import { type Client, RequestError } from "../../src/index.js";
import { Authority, Clock } from "../e2ee/world.js";
import { client, closeAll, cut, soon } from "./gateway.js";

afterEach(closeAll);

const clock = new Clock();
clock.now = Date.now();

interface Party {
  readonly client: Client;
  readonly room: Room;
  readonly member: Member;
}

/** Somebody with a connection, an identity that the backend vouches for, and the room. */
async function party(authority: Authority, user: string, channel: string): Promise<Party> {
  const identity = await Identity.generate();
  const issuer = new Issuer({ issuer: authority.name, tenant: "acme", keys: authority.keys });
  const member = await issuer.verify(await authority.assert({ sub: user, keys: identity.keys }));
  return { client: client(user), room: new Room({ tenant: "acme", channel, user, identity, distributors: ["ana"] }), member };
}

/** Ana, who distributes, and bob, on a channel of this test alone; the grant comes as it would, over another channel. */
async function two(channel: string): Promise<[Party, Party]> {
  const authority = await Authority.make(clock);
  const parties: [Party, Party] = [await party(authority, "ana", channel), await party(authority, "bob", channel)];
  for (const { room } of parties) for (const { member } of parties) room.add(member);
  const [ana, bob] = parties;
  const keys = `room:${channel}-keys`.replace("sealed:", "");
  const feed = await bob.client.subscribe(keys, soon());
  await ana.client.publish(keys, await ana.room.generate(), soon());
  await bob.room.accept((await feed.next(soon())).data);
  return parties;
}

test("members understand each other, and what the gateway keeps is nothing that it could read", async () => {
  const channel = `sealed:${process.pid}-1`;
  const [ana, bob] = await two(channel);
  const [heard, own] = [await bob.client.subscribe(channel, soon()), await ana.client.subscribe(channel, soon())];
  await ana.client.publish(channel, await ana.room.seal({ text: "the secret" }), soon());
  const message = await heard.next(soon());
  assert.deepEqual((await bob.room.open(message)).json(), { text: "the secret" });
  assert.equal((await ana.room.open(await own.next(soon()))).user, "ana");
  await assert.rejects(bob.room.open(message), (e) => e instanceof EncryptionError && e.reason === "replay");

  await bob.client.publish(channel, await bob.room.seal(Uint8Array.of(0, 255)), soon());
  const [reader, read] = [ana.room.history(), [] as Uint8Array[]];
  for await (const kept of ana.client.history(channel, soon())) {
    assert.ok(!JSON.stringify(kept).includes("secret"));
    read.push((await reader.open(kept)).bytes);
  }
  assert.deepEqual(read.map((bytes) => Buffer.from(bytes).toString("latin1")), ['{"text":"the secret"}', "\x00\xff"]);
});

test("plaintext is refused, here and by the gateway", async () => {
  const channel = `sealed:${process.pid}-2`;
  const [ana, bob] = await two(channel);
  await assert.rejects(ana.client.publish(channel, { text: "hi" }, soon()), (e) => e instanceof RequestError && e.code === "encryption_required");
  const feed = await bob.client.subscribe("room:plain", soon());
  await ana.client.publish("room:plain", { text: "hi" }, soon());
  await assert.rejects(bob.room.open(await feed.next(soon())), (e) => e instanceof EncryptionError && e.reason === "plaintext");
});

test("what is recovered after a cut is opened once and in order", async () => {
  const channel = `sealed:${process.pid}-3`;
  const [ana, bob] = await two(channel);
  const feed = await bob.client.subscribe(channel, soon());
  const want = Array.from({ length: 30 }, (_, i) => `${i}`);
  const got = [];
  for (const text of want) {
    await ana.client.publish(channel, await ana.room.seal(text), soon());
    if (text.endsWith("5")) await cut();
  }
  while (got.length < want.length) got.push((await bob.room.open(await feed.next(soon()))).text());
  assert.deepEqual(got, want);
});
