import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId } from "../../src/e2ee/channelkey.js";
import { writeGrant } from "../../src/e2ee/grant.js";
import { type Person, refused, World } from "./world.js";

test("a removed distributor who takes the room back", async () => {
  const world = await World.make();
  const [ana, ben, cid] = await Promise.all([world.person("ana"), world.person("ben"), world.person("cid")]);
  const room = world.room(cid, [ana, ben], { distributors: ["ana", "ben"] });
  const grant = async (by: Person, generation: number, ...to: Person[]) => {
    const key = crypto.getRandomValues(new Uint8Array(32));
    const terms = { key: await keyId(key), generation, created: world.clock.now / 1000 };
    return writeGrant({ tenant: "acme", channel: "room:1" }, terms, key, by.identity, to.map(({ user, identity }) => ({ user, keys: identity.own, expired: () => false })));
  };
  await room.accept(await grant(ana, 1, ana, ben, cid));
  await room.accept(await grant(ana, 3, ana, cid));
  await refused(room.accept(await grant(ben, 4, ana, ben, cid)), "distributor");
  await room.accept(await grant(ben, 2, ana, ben, cid)); // from before: for reading
  assert.equal(room.generation, 3);
});
