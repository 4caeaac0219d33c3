// Whatever arrives, a room answers with what was said or with a refusal of its closed set, and never with an error of the language.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EncryptionError, type Reason } from "../../src/e2ee/index.js";
import { given, load, Scene, type RoomVector, type Step } from "./given.js";
import { delivered, three } from "./world.js";

const seed = Number(process.env.PORTCULLIS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const runs = process.env.PORTCULLIS_LONG ? 20_000 : 500;

/** Numbers that come again with the seed. */
function source(): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const letters = 'ABCxyz019-_.={}[]":,\\u\u0000é\ud800 \n';

/** A text with something changed, in its letters or in the JSON of one of its parts. */
function changed(text: string, random: (below: number) => number): string {
  const parts = text.split(".");
  const at = random(parts.length);
  const part = parts[at] ?? "";
  const inside = random(2) === 0;
  const plain = inside ? Buffer.from(part, "base64url").toString("latin1") : part;
  const [from, length] = [random(plain.length + 1), random(4)];
  const more = Array.from({ length: random(4) }, () => letters[random(letters.length)]).join("");
  const next = plain.slice(0, from) + more + plain.slice(from + length);
  parts[at] = inside ? Buffer.from(next, "latin1").toString("base64url") : next;
  if (random(20) === 0) parts.splice(random(parts.length), random(2), part);
  return parts.join(".");
}

async function answered(work: Promise<unknown>, what: string, reasons: Set<Reason>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    assert.ok(error instanceof EncryptionError, `PORTCULLIS_SEED=${seed}: ${what}: ${String((error as Error).stack)}`);
    reasons.add(error.reason);
    return false;
  }
}

test("a message with noise in it is refused", async () => {
  const random = source();
  const { rooms } = await three();
  const { text } = await rooms.ben.seal("x");
  const reasons = new Set<Reason>();
  for (let i = 0; i < runs; i++) {
    const noisy = changed(text, random);
    if (noisy !== text) assert.equal(await answered(rooms.ana.open(delivered(noisy, "ben")), noisy, reasons), false, `PORTCULLIS_SEED=${seed}: ${noisy} was opened`);
  }
  assert.ok(reasons.has("form") && reasons.has("tampered"), [...reasons].join());
  assert.equal((await rooms.ana.open(delivered(text, "ben"))).text(), "x");
});

test("a grant with noise in it is refused", async () => {
  const random = source();
  const { rooms } = await three();
  const text = await rooms.ana.generate();
  const reasons = new Set<Reason>();
  for (let i = 0; i < runs; i++) {
    const noisy = changed(text, random);
    if (noisy !== text) assert.equal(await answered(rooms.ben.accept(noisy), noisy, reasons), false, `PORTCULLIS_SEED=${seed}: ${noisy} was accepted`);
  }
  assert.ok(reasons.has("form") && reasons.has("signature"), [...reasons].join());
  assert.equal(rooms.ben.generation, 1);
});

test("an assertion with noise in it is refused", async () => {
  const random = source();
  const text = given.members.ben?.assertion as string;
  const issuer = new Scene().issuer();
  const reasons = new Set<Reason>();
  for (let i = 0; i < runs; i++) {
    const noisy = changed(text, random);
    if (noisy !== text) assert.equal(await answered(issuer.verify(noisy), noisy, reasons), false, `PORTCULLIS_SEED=${seed}: ${noisy} was believed`);
  }
  assert.ok(reasons.has("assertion"), [...reasons].join());
});

test("what is no message at all is refused", async () => {
  const { room } = load<{ room: RoomVector } & Step>("messages.json");
  const me = await new Scene().enter(room);
  const things: unknown[] = [undefined, null, 0, "", ".", "....", [], {}, ["a.b.c.d.e"], "\ud800....", "e30....", "bnVsbA....", "W10....", new Uint8Array(4)];
  for (const data of things) {
    assert.equal(await answered(me.open({ data, encryption: "jwe", from: { user: "ben" } }), String(data), new Set()), false);
    assert.equal(await answered(me.accept(data), String(data), new Set()), false);
    assert.equal(await answered(new Scene().issuer().verify(data as string), String(data), new Set()), false);
  }
});
