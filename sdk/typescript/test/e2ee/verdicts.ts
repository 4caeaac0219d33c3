// Says of each case that comes in what this half makes of it: client/e2ee has the other half, and compares.
import { readFileSync } from "node:fs";
import { EncryptionError, Identity, Issuer, type JwkSet, type Member, Room } from "../../src/e2ee/index.js";
import { base64url, Clock } from "./world.js";

interface Step {
  kind: "message" | "history" | "grant" | "assertion";
  now: number;
  text: string;
  encryption?: string;
  user?: string;
}

interface Given {
  now: number;
  issuer: string;
  keys: JwkSet;
  identity: object;
  members: string[];
  grant: string;
  cases: Step[][];
}

const given = JSON.parse(readFileSync(0, "utf8")) as Given;
const clock = new Clock();
clock.now = given.now * 1000;
const issuer = new Issuer({ issuer: given.issuer, tenant: "acme", keys: given.keys, now: clock.read });
const identity = await Identity.parse(JSON.stringify(given.identity));
const members: Member[] = [];
for (const text of given.members) members.push(await issuer.verify(text));

async function verdict(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    return error instanceof EncryptionError ? error.reason : `broken: ${String((error as Error).stack)}`;
  }
}

const verdicts: string[][] = [];
for (const steps of given.cases) {
  clock.now = given.now * 1000;
  const room = new Room({ tenant: "acme", channel: "room:1", user: "cid", identity, distributors: ["ana"], now: clock.read });
  for (const member of members) room.add(member);
  await room.accept(given.grant);
  const history = room.history();
  const said: string[] = [];
  for (const { kind, now, text, encryption, user } of steps) {
    clock.now = now * 1000;
    const message = { data: text, encryption, from: { user } };
    said.push(
      await verdict(async () => {
        if (kind === "grant") return await room.accept(text), `generation ${room.generation}`;
        if (kind === "assertion") {
          const member = await issuer.verify(text);
          return `${member.user} until ${member.expires}`;
        }
        const { bytes } = await (kind === "message" ? room.open(message) : history.open(message));
        return `opened ${base64url(bytes)}`;
      }),
    );
  }
  verdicts.push(said);
}
process.stdout.write(JSON.stringify(verdicts));
