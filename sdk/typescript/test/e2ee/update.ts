// Writes typescript.json of the vectors anew: what this client granted and sealed, for Go to open. After `npm test`: node build/test/e2ee/update.js
import { writeFileSync } from "node:fs";
import { encode, utf8 } from "../../src/e2ee/bytes.js";
import { Room, type Sealable } from "../../src/e2ee/index.js";
import { folder, given, identity, Scene, type Step } from "./given.js";

const place = { tenant: given.tenant, channel: "room:1" };
const scene = new Scene();

async function enter(user: string, ...others: string[]): Promise<Room> {
  const room = new Room({ ...place, user, identity: await identity(user), distributors: ["ana"], now: scene.clock.read });
  for (const name of others) room.add(await scene.issuer().verify(given.members[name]?.assertion as string));
  return room;
}

const now = () => Math.floor(scene.clock.now / 1000);

async function say(name: string, by: [user: string, room: Room], value: Sealable): Promise<Step> {
  const bytes = value instanceof Uint8Array ? new Uint8Array(value) : utf8(typeof value === "string" ? value : JSON.stringify(value));
  const { text } = await by[1].seal(value);
  return { name, kind: "message", now: now(), data: text, encryption: "jwe", user: by[0], plaintext: encode(bytes) };
}

const ana: [string, Room] = ["ana", await enter("ana", "ben", "cid")];
const ben: [string, Room] = ["ben", await enter("ben", "ana", "cid")];
const later = async (name: string, text: string): Promise<Step> => ({ name, kind: "grant", now: now(), text });

const first = await ana[1].generate();
await ben[1].accept(first);
const early = await say("said before the others, and opened in history", ben, "early");
const passed = await say("a counter that is passed over, and comes behind the next", ben, "the second");
const messages = [
  await say("a text", ana, "hello"),
  await say("a text that is not ASCII", ben, "grüße, 世界 😀"),
  passed,
  await say("JSON", ben, { text: "hi", n: 1 }),
  await say("bytes", ben, Uint8Array.of(0, 255, 128, 10)),
  await say("nothing", ana, ""),
  await say("2 KiB", ana, "x".repeat(2 << 10)),
];
const late = await say("under the generation before, within the minute", ben, "late");
scene.clock.pass(30);
const second = await ana[1].generate();
await ben[1].accept(second);
messages.push(await later("a second generation", second), late, await say("under the second generation", ben, "second"));
scene.clock.pass(30);
const third = await ana[1].remove("ben");
messages.push(await later("a third, without ben", third), await say("under the third generation", ana, "third"), { ...early, kind: "history", now: now() });

const room = { ...place, user: "cid", distributors: ["ana"], members: ["ana", "ben"] };
writeFileSync(new URL("typescript.json", folder), JSON.stringify({ room, grants: [], grants_text: [first], messages }, null, 2) + "\n");
