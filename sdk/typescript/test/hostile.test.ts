import assert from "node:assert/strict";
import { test } from "node:test";
import { type Feed, ProtocolError, RefusedError, UnsubscribedError } from "../src/index.js";
import { hello, settle, Stage } from "./stage.js";

// A gateway that lies. An error that leaves a socket's handler ends a Node.js process: here it fails the test.

/** What the client ended with. */
async function end(stage: Stage): Promise<Error> {
  await settle();
  const { state } = stage.client;
  assert.equal(state.phase, "ended", stage.phases);
  return (state as { error: Error }).error;
}

const from = { user: "ben" };
const lies: [name: string, frame: unknown][] = [
  ["null", "null"],
  ["a list", []],
  ["a type that is a number", { type: 1 }],
  ["an answer whose id is a text", { type: "ok", id: "1" }],
  ["a message of a channel that is a number", { type: "message", channel: 5, from, data: 1 }],
  ["a message of nobody", { type: "message", channel: "room:1", data: 1 }],
  ["a message of null", { type: "message", channel: "room:1", from: null, data: 1 }],
  ["a message of a user that is an object", { type: "message", channel: "room:1", from: { user: {} }, data: 1 }],
  ["bytes that are no base64", { type: "message", channel: "room:1", from, base64: "%%%" }],
  ["bytes that are a number", { type: "message", channel: "room:1", from, base64: 7 }],
  ["an offset that is a text", { type: "message", channel: "room:1", from, data: 1, offset: "6" }],
  ["an offset of 2^53, which is as large as the next", { type: "message", channel: "room:1", from, data: 1, offset: 2 ** 53 }],
  ["an offset below zero", { type: "message", channel: "room:1", from, data: 1, offset: -1 }],
  ["half an offset", { type: "message", channel: "room:1", from, data: 1, offset: 5.5 }],
  ["a gap to infinity", '{"type":"gap","channel":"room:1","before":1e999,"epoch":"e"}'],
  ["a gap of an epoch that is a list", { type: "gap", channel: "room:1", before: 9, epoch: ["e"] }],
  ["a join of nobody", { type: "join", channel: "room:1" }],
  ["a join of null", { type: "join", channel: "room:1", member: null }],
  ["an error that asks to wait less than nothing", { type: "error", id: 1, code: "unavailable", message: "no", retry_ms: -1e12 }],
  ["an error without a code", { type: "error", id: 1 }],
  ["an end of what never began", { type: "expiring", in_ms: 1, expires: "soon" }],
];

for (const [name, frame] of lies) {
  test(`a gateway that sends ${name} has broken the protocol, and breaks nothing else`, async (t) => {
    const stage = new Stage(t);
    const socket = await stage.meet();
    const subscribed = stage.client.subscribe("room:1", { onPresence: () => {} });
    await settle();
    socket.answer({ offset: 5, epoch: "e" });
    const feed = await subscribed;
    socket.say(frame);
    assert.ok((await end(stage)) instanceof ProtocolError);
    await assert.rejects(async () => { for (;;) await feed.next(); }, ProtocolError);
    assert.equal(stage.clock.pending, 0);
  });
}

const greetings: [name: string, more: object][] = [
  ["subscriptions that are null", { subscriptions: null }],
  ["a subscription that is null", { subscriptions: [null] }],
  ["limits that are null", { limits: null }],
  ["a limit that is a text", { limits: { message_size: "65536" } }],
  ["pings that are a text", { ping_ms: "often" }],
  ["a user that is an object", { user: {} }],
];

for (const [name, more] of greetings) {
  test(`a welcome with ${name} has broken the protocol`, async (t) => {
    const stage = new Stage(t, { onFeed: () => {} });
    await stage.meet(more);
    assert.ok((await end(stage)) instanceof ProtocolError);
  });
}

test("a second welcome, an answer to nothing and a frame of tomorrow are passed over", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  for (const frame of [{ ...hello, user: "eve" }, { type: "ok", id: 77 }, { type: "error", id: 9, code: "x" }, { type: "weather", channel: 5, from: null }]) socket.say(frame);
  const { state } = stage.client;
  assert.ok(state.phase === "connected" && state.welcome.user === "ana", stage.phases);
  await stage.client.close();
});

test("a credential that ends in a million years is one", async (t) => {
  const stage = new Stage(t);
  await stage.meet({ expires: 31_556_952e12 });
  assert.equal(stage.client.state.phase, "connected");
  await stage.client.close();
});

test("names out of Object.prototype are names", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const subscribed = stage.client.subscribe("__proto__");
  await settle();
  socket.answer();
  socket.say('{"type":"message","channel":"__proto__","from":{"user":"__proto__"},"data":{"__proto__":{"admin":true}},"__proto__":{"admin":true}}');
  const { from, data } = await (await subscribed).next();
  assert.equal(from.user, "__proto__");
  assert.equal((data as { admin?: boolean }).admin, undefined);
  assert.equal(({} as { admin?: boolean }).admin, undefined);
  await stage.client.close();
});

test("a frame of 10 MiB is not kept", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  socket.say({ type: "message", channel: "room:1", from, data: "x".repeat(10 << 20) });
  const error = await end(stage);
  assert.ok(error instanceof ProtocolError);
  assert.match(error.message, /8388608/);
});

for (const reason of ['{"code":"draining","retry_ms":-1e15}', '{"code":"draining","retry_ms":"-1e15"}']) {
  test(`no storm of connections where the gateway asks for it with ${reason}`, async (t) => {
    const stage = new Stage(t);
    const waits = () => stage.states.flatMap((s) => (s.phase === "waiting" ? [s.waitMs] : []));
    for (let n = 0; n < 4; n++) {
      await stage.meet();
      stage.socket.end(4000, reason);
      await settle();
      await stage.clock.pass(waits().at(-1)!);
    }
    assert.deepEqual(waits(), [0, 1000, 2000, 4000]);
    await stage.client.close();
  });
}

test("a gateway that says expiring without end is told a new token every ten seconds, and not more often", async (t) => {
  let tokens = 0;
  const stage = new Stage(t, { renew: () => (tokens++, "n3w") });
  const socket = await stage.meet();
  for (let second = 0; second < 29; second++) {
    socket.say({ type: "expiring", in_ms: 1 });
    await settle();
    if (socket.unanswered.length) socket.answer();
    await stage.clock.pass(1000);
  }
  assert.equal(tokens, 3);
  await stage.client.close();
});

test("joins of 1 MiB each do not fill the memory of who is slow", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const heard: string[] = [];
  const subscribed = stage.client.subscribe("room:1", { onPresence: (event) => heard.push(event.kind) });
  await settle();
  socket.answer();
  const feed: Feed = await subscribed;
  const info = "x".repeat(1 << 20);
  for (let n = 0; n < 100; n++) socket.say({ type: "join", channel: "room:1", member: { user: `u${n}`, connection: "c", info } });
  const next = feed.next();
  await settle();
  assert.ok(heard.length <= 5 && heard.includes("anew"), `${heard.length} events were kept: ${heard.slice(0, 5).join()}`);
  await feed.unsubscribe({ signal: AbortSignal.abort() }).catch(() => {});
  await assert.rejects(next, UnsubscribedError);
  await stage.client.close();
});

test("of an endless problem no more is read than a problem has", async (t) => {
  let given = 0;
  const endless = () =>
    new ReadableStream({
      pull: (to) => {
        given += 1 << 16;
        to.enqueue(new Uint8Array(1 << 16).fill(32));
        if (given > 64 << 20) to.close();
      },
    });
  const stage = new Stage(t);
  stage.tickets = async () => new Response(endless(), { status: 403, headers: { "Content-Type": "application/problem+json" } });
  await settle();
  const error = await end(stage);
  assert.ok(error instanceof RefusedError && error.status === 403, String(error));
  assert.ok(given < 1 << 20, `${given} bytes were read`);
});
