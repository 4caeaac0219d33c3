import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId } from "../../src/e2ee/channelkey.js";
import { writeGrant } from "../../src/e2ee/grant.js";
import type { Known } from "../../src/e2ee/roster.js";
import { base64url, jws, refused, three, unspell, World } from "./world.js";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

const small: [name: string, y: Uint8Array][] = [
  ["order 1", bytes("01" + "00".repeat(31))],
  ["order 2", bytes("ec" + "ff".repeat(30) + "7f")],
  ["order 4", bytes("00".repeat(32))],
  ["order 8", bytes("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")],
  ["order 8, the other y", bytes("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")],
];

test("a key under which signatures verify that nobody made", async (t) => {
  const world = await World.make();
  const { identity } = await world.person("ben");
  for (const [name, y] of small) {
    for (const sign of [0, 0x80]) {
      await t.test(`${name}${sign ? " and a negative x" : ""}`, async () => {
        const key = y.slice();
        key[31]! |= sign;
        const keys = [{ ...identity.keys[0], x: base64url(key) }, identity.keys[1]];
        await refused(world.issuer().verify(await world.authority.assert({ sub: "ben", keys })), "assertion");
      });
    }
  }
});

test("a key in a second spelling", async () => {
  const world = await World.make();
  const { identity } = await world.person("ben");
  for (let first = 0xed; first <= 0xff; first++) {
    for (const last of [0x7f, 0xff]) {
      const x = base64url(Uint8Array.of(first, ...new Uint8Array(30).fill(0xff), last));
      await refused(world.issuer().verify(await world.authority.assert({ sub: "ben", keys: [{ ...identity.keys[0], x }, identity.keys[1]] })), "assertion");
    }
  }
});

test("a signature in a second spelling, S + L", async () => {
  const { world, ana, ben, grant } = await three();
  const [header, payload, signature] = grant.split(".") as [string, string, string];
  const order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const again = Buffer.from(signature, "base64url");
  let carry = 0;
  order.forEach((byte, i) => {
    carry += again[32 + i]! + byte;
    again[32 + i] = carry;
    carry >>= 8;
  });
  const room = world.room(ben, [ana]);
  await refused(room.accept([header, payload, base64url(again)].join(".")), "signature");
  await room.accept(grant);
});

test("a grant for nobody", async () => {
  const { world, ana, ben, grant } = await three();
  const [header, payload] = grant.split(".") as [string, string, string];
  const { members, ...rest } = unspell(payload) as { members: { user: string }[] };
  const nobody = { ...members.at(-1), user: "" };
  const forged = await jws(ana.identity.pairs.sign.privateKey, unspell(header), { ...rest, members: [...members, nobody] });
  await refused(world.room(ben, [ana]).accept(forged), "form");
});

test("a grant for more members than anybody takes one for is not made", async () => {
  const { ana } = await three();
  const everybody: Known[] = Array.from({ length: 400 }, (_, n) => ({ user: `user ${n}`.padEnd(2000), keys: ana.identity.own, expired: () => false }));
  const terms = { key: "A".repeat(43), generation: 1, created: 1 };
  await refused(writeGrant({ tenant: "acme", channel: "room:1" }, terms, new Uint8Array(32), ana.identity, everybody), "form");
});

test("no generation comes behind the one with the largest number", async () => {
  const { world, ana } = await three();
  const room = world.room(ana, []);
  const me: Known = { user: "ana", keys: ana.identity.own, expired: () => false };
  const key = crypto.getRandomValues(new Uint8Array(32));
  const terms = { key: await keyId(key), generation: Number.MAX_SAFE_INTEGER, created: 1 };
  await room.accept(await writeGrant({ tenant: "acme", channel: "room:1" }, terms, key, ana.identity, [me]));
  await refused(room.generate(), "expired");
  assert.equal(room.generation, Number.MAX_SAFE_INTEGER);
});
