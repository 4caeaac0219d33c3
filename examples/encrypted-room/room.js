// A room whose gateway cannot read what is said: node room.js USER, once for each of ana, who hands out the keys, ben and hana. A line that is typed is said;
// "/remove ben", typed by ana, takes ben out.
import { createInterface } from "node:readline";
import { connect } from "@portcullis/client";
import { Identity, Issuer, Room } from "@portcullis/client/e2ee";

const [user = "ana", server = "http://127.0.0.1:8082/"] = process.argv.slice(2);
const channel = "vault:1"; // the gateway takes only what is encrypted there
const distributor = "ana";

// The identity service: that of dev here. It vouches for users to the gateway, and for their keys to each other.
async function ask(path, body) {
  const answer = await fetch(new URL(path, server), body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user, ...body }) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

const { gateway, issuer: name } = await ask("settings");
const client = connect({ url: gateway, token: async () => (await ask("token", {})).token });
const identity = await Identity.generate(); // a program that is run again keeps it, where nobody else reads it
const issuer = new Issuer({ issuer: name, tenant: "acme", keys: new URL("jwks.json", server) });
const room = new Room({ tenant: "acme", channel, user, identity, distributors: [distributor] });
const { assertion } = await ask("assertion", { keys: identity.keys });

// Who is there shows their keys to everybody, and whoever hands out the keys answers with a new generation.
// Here that is everybody whom the gateway's rules let publish there: a room of yours asks its own list, or a person.
const removed = new Set();

async function meet(feed) {
  const met = new Set([assertion]);
  for await (const { data } of feed) {
    if (met.has(data)) continue;
    met.add(data);
    try {
      const member = await issuer.verify(data);
      if (removed.has(member.user)) continue; // with a new key they are who they were
      room.add(member);
      await takeKey(); // it may have come before the one who gave it was known
      await client.publish(`${channel}:members`, assertion); // for whoever came later than this one
      if (user === distributor) await handOut(await room.generate());
    } catch (error) {
      console.log(error.message);
    }
  }
}

const handOut = (grant) => client.publish(`${channel}:keys`, grant);

let grant; // the newest

async function takeKey() {
  const before = room.generation;
  try {
    if (grant) await room.accept(grant);
    if (room.generation > before) console.log(`the key of generation ${room.generation}`);
  } catch (error) {
    console.log(`no key: ${error.message}`);
  }
}

async function takeKeys(feed) {
  for await (const { data } of feed) {
    grant = data;
    await takeKey();
  }
}

async function listen(feed) {
  for await (const message of feed) {
    await room.open(message).then(
      (said) => console.log(`${said.user}: ${said.text()}`),
      (error) => console.log(`${message.from.user} says what cannot be read: ${error.message}`),
    );
  }
}

void takeKeys(await client.subscribe(`${channel}:keys`));
void listen(await client.subscribe(channel));
void meet(await client.subscribe(`${channel}:members`));
await client.publish(`${channel}:members`, assertion);
console.log(`${user} is here`);

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  try {
    const [, gone] = line.match(/^\/remove (.+)$/) ?? [];
    if (gone && user === distributor) removed.add(gone);
    await (gone ? handOut(await room.remove(gone)) : client.publish(channel, await room.seal(line)));
  } catch (error) {
    console.log(error.message);
  }
}
await client.close();
