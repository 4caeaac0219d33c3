// The encrypted room: ana hands out its key, ben gets one, eve none.
import { Identity, Issuer, Room } from "./e2ee.js";
import { connect } from "./portcullis.js";
import { $, line, server, settings, tokenOf } from "./server.js";

const channel = "vault:1";
const keys = `${channel}:keys`; // where the grants are: readable for all, and worth nothing without a member's key
const people = new Map();
const members = ["ana", "ben"];

$("open").addEventListener("click", async () => {
  $("open").disabled = true;
  try {
    await open();
    for (const id of ["say", "remove"]) $(id).disabled = false;
    $("open").textContent = "The room is open";
  } catch (error) {
    line("of-ana", error.message, "bad");
    $("open").disabled = false;
  }
});

async function open() {
  for (const user of [...members, "eve"]) if (!people.has(user)) people.set(user, await arrive(user));
  const [ana, ben] = members.map((user) => people.get(user));
  // Each verifies the other's keys by the identity service's own word, not by the gateway's.
  ana.room.add(await ana.issuer.verify(ben.assertion));
  ben.room.add(await ben.issuer.verify(ana.assertion));
  await handOut(await ana.room.generate());
}

// arrive connects a user, who listens to the channel and takes the keys that are for them.
async function arrive(user) {
  const client = connect({ url: settings.gateway, token: tokenOf(user) });
  const identity = await Identity.generate();
  const { assertion } = await server("assertion", { user, keys: identity.keys });
  const issuer = new Issuer({ issuer: settings.issuer, tenant: "acme", keys: new URL("jwks.json", location.href) });
  const room = new Room({ tenant: "acme", channel, user, identity, distributors: ["ana"] });
  const grants = await client.subscribe(keys);
  const ended = (error) => line(`of-${user}`, error.message, "bad");
  take(user, room, grants).catch(ended);
  read(user, room, await client.subscribe(channel)).catch(ended);
  return { client, room, issuer, assertion };
}

async function handOut(grant) {
  await people.get("ana").client.publish(keys, grant);
}

async function take(user, room, grants) {
  for await (const { data } of grants) {
    try {
      await room.accept(data);
      line(`of-${user}`, `has the key of generation ${room.generation}`, "good");
    } catch (error) {
      line(`of-${user}`, `no key: ${error.message}`, "note");
    }
  }
}

async function read(user, room, messages) {
  for await (const message of messages) {
    try {
      const said = await room.open(message);
      line(`of-${user}`, `${said.user}: ${said.text()}`);
    } catch (error) {
      const text = String(message.data);
      line(`of-${user}`, `${message.from.user}: ${text.slice(0, 60)}… of ${text.length} characters, not read: ${error.message}`, "bad");
    }
  }
}

$("seal").addEventListener("submit", async (event) => {
  event.preventDefault();
  const user = $("sender").value;
  const { client, room } = people.get(user);
  try {
    await client.publish(channel, await room.seal($("secret").value));
  } catch (error) {
    line(`of-${user}`, error.message, "bad");
  }
});

$("remove").addEventListener("click", async () => {
  $("remove").disabled = true;
  try {
    await handOut(await people.get("ana").room.remove("ben"));
  } catch (error) {
    line("of-ana", error.message, "bad");
  }
});
