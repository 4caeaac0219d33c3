import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../../src/e2ee/bytes.js";
import { keyId } from "../../src/e2ee/channelkey.js";
import { unwrap } from "../../src/e2ee/hpke.js";
import type { Reason } from "../../src/e2ee/index.js";
import { given, grants, type GrantVector, identity, load, type RoomVector, Scene, type Step } from "./given.js";
import { refused } from "./world.js";

test("identities of the vectors", async (t) => {
  assert.ok(Object.keys(given.members).length >= 6 && given.assertions.length >= 5, "there are less vectors than there were");
  for (const [name, vector] of Object.entries(given.members)) {
    await t.test(name, async () => {
      const got = await identity(name, { extractable: true });
      assert.deepEqual([got.own.sign, got.own.to], [vector.sign, vector.agree]);
      assert.equal(await got.export(), JSON.stringify(vector.identity));
    });
  }
  for (const { name, text, prefix, user, ends } of given.assertions) {
    await t.test(name, async () => {
      const member = await new Scene().issuer(prefix).verify(text);
      assert.deepEqual([member.user, member.expires], [user, ends * 1000]);
    });
  }
});

test("ids of the vectors' channel keys", async () => {
  for (const { key, kid } of load<{ key: string; kid: string }[]>("kid.json")) {
    const bytes = decode(key);
    assert.equal(bytes && (await keyId(bytes)), kid);
  }
});

for (const grant of grants) {
  for (const wrap of grant.wraps) {
    test(`grants of the vectors: ${grant.name} for ${wrap.user}`, () => taken(grant, wrap));
  }
}

async function taken(grant: GrantVector, { user, info, wrapped }: GrantVector["wraps"][number]): Promise<void> {
  const me = await identity(user);
  const bytes = [info, wrapped].map((text) => decode(text) ?? assert.fail(`${text} is no base64url`)) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  const key = await unwrap({ key: me.pairs.agree.privateKey, raw: me.own.recipient.raw }, ...bytes);
  assert.equal(encode(key), grant.key);
  const scene = new Scene();
  const room = await scene.enter({ ...grant.room, user });
  await room.accept(grant.text);
  assert.equal(room.generation, grant.generation);
  assert.equal(said(await scene.bring(grant.message)), grant.message.plaintext);
}

const said = (plaintext: { bytes: Uint8Array } | undefined): string | undefined => plaintext && encode(plaintext.bytes as Uint8Array<ArrayBuffer>);

interface Messages {
  readonly room: RoomVector;
  readonly grants: string[];
  readonly grants_text?: string[];
  readonly messages: Step[];
}

for (const file of ["messages.json", "typescript.json"]) {
  test(`messages of the vectors, ${file}`, async (t) => {
    const vector = load<Messages>(file);
    assert.ok(vector.messages.length > 0);
    const scene = new Scene();
    const room = await scene.enter(vector.room);
    for (const text of vector.grants_text ?? vector.grants.map(textOf)) await room.accept(text);
    for (const step of vector.messages) await t.test(step.name, async () => assert.equal(said(await scene.bring(step)), step.plaintext));
  });
}

const textOf = (name: string): string => grants.find((grant) => grant.name === name)?.text ?? assert.fail(`grants.json has no ${name}`);

// Every row is one attack or mistake. Without its one fault it would be taken: what comes before each fault is.
test("what was tampered with is refused", async (t) => {
  const rows = load<(Step & { name: string; reason: Reason; room?: RoomVector; grants?: string[]; before?: Step[] })[]>("tampered.json");
  assert.ok(rows.length >= 250, `got ${rows.length} rows: there are less than there were`);
  for (const row of rows) {
    await t.test(`${row.kind}/${row.name}`, async () => {
      const scene = new Scene();
      const room = row.room && (await scene.enter(row.room));
      for (const name of row.grants ?? []) await room?.accept(textOf(name));
      for (const step of row.before ?? []) await scene.bring(step);
      await refused(scene.bring(row), row.reason);
    });
  }
});
