import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, type FeedOptions, type Gap, type Message, type PresenceEvent, RequestError, UnsubscribedError } from "../src/index.js";
import { type FakeSocket, settle, Stage, verdict } from "./stage.js";

const at = (offset: number, epoch = "x7") => ({ offset, epoch });
const message = (offset: number, data: unknown = offset) => ({ type: "message", channel: "room:1", offset, time: 1, from: { user: "bob" }, data });

/** A feed of room:1 that stands at offset 41, and all that it tells. */
async function feed(t: import("node:test").TestContext, more: FeedOptions = {}, ok: object = at(41)) {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const told: (Gap | PresenceEvent)[] = [];
  const asked = stage.client.subscribe("room:1", { onGap: (g) => told.push(g), ...more });
  await settle();
  socket.answer(ok);
  const f = await asked;
  /** Everything that can be taken now. */
  const taken = async () => {
    const all: unknown[] = [];
    for (;;) {
      const stop = new AbortController();
      const next = f.next({ signal: stop.signal }).catch((e: unknown) => e);
      await settle();
      stop.abort("nothing");
      const m = await next;
      if (m === "nothing" || m instanceof Error) return all;
      all.push((m as Message).data);
    }
  };
  /** The connection is lost, and another one is made. */
  const again = async (): Promise<FakeSocket> => {
    stage.socket.end(1006);
    await settle();
    await stage.clock.pass(60_000);
    return stage.meet();
  };
  return { stage, socket, feed: f, told, taken, again };
}

test("what came already does not come again", async (t) => {
  const { socket, taken, stage } = await feed(t);
  for (const n of [41, 42, 42, 44, 43, 45]) socket.say(message(n));
  assert.deepEqual(await taken(), [42, 44, 45]);
  await stage.client.close();
});

test("a feed continues from where it stands", async (t) => {
  const { socket, taken, again, stage, told } = await feed(t);
  socket.say(message(44));
  const next = await again();
  assert.deepEqual(next.answer({ ...at(46), recovered: true }), { type: "subscribe", id: 1, channel: "room:1", since: at(44) });
  for (const n of [45, 46, 47]) next.say(message(n));
  assert.deepEqual([await taken(), told], [[44, 45, 46, 47], []]);
  await stage.client.close();
});

const gaps: [name: string, ok: object, want: Gap][] = [
  ["not stored any more", { ...at(60), recovered: false, reason: "trimmed" }, { after: 41, before: 61, epoch: "x7", reason: "trimmed", lost: 0 }],
  ["another numbering", { ...at(3, "y1"), recovered: false, reason: "epoch" }, { after: 0, before: 4, epoch: "y1", reason: "epoch", lost: 0 }],
  ["no history any more", {}, { after: 41, before: 0, epoch: "x7", reason: "no_history", lost: 0 }],
];

for (const [name, ok, want] of gaps) {
  test(`a feed that cannot continue tells: ${name}`, async (t) => {
    const { taken, again, told, stage } = await feed(t);
    const next = await again();
    next.answer(ok);
    await taken();
    assert.deepEqual(told, [want]);
    await stage.client.close();
  });
}

test("a gap moves the feed on", async (t) => {
  const { socket, taken, told, again, stage } = await feed(t);
  socket.say({ type: "gap", channel: "room:1", after: 41, before: 50, epoch: "x7", reason: "slow" });
  for (const n of [49, 50]) socket.say(message(n));
  assert.deepEqual([await taken(), told], [[50], [{ after: 41, before: 50, epoch: "x7", reason: "slow", lost: 0 }]]);
  socket.say({ type: "gap", channel: "room:1", before: 9, epoch: "y1", reason: "engine" });
  socket.say(message(9));
  assert.deepEqual(await taken(), [9]);
  assert.deepEqual((await again()).asked[0]!["since"], at(9, "y1"));
  await stage.client.close();
});

test("a strict feed asks strictly, and ends where it cannot continue", async (t) => {
  const { feed: f, taken, again, told, stage } = await feed(t, { strict: true });
  const next = await again();
  assert.equal(next.refuse("unrecoverable")["strict"], true);
  assert.deepEqual([await taken(), told], [[], []]);
  await assert.rejects(f.next(), (e) => e instanceof RequestError && e.code === "unrecoverable");
  await stage.client.close();
});

for (const [name, code, retry, begun] of [
  ["the gateway is too busy", "rate_limited", 250, false],
  ["the engine is away", "unavailable", undefined, false],
  ["the connection before still counts", "quota_exceeded", undefined, true],
] as const) {
  test(`a feed that is refused for a while asks again: ${name}`, async (t) => {
    const { again, stage } = await feed(t);
    const socket = begun ? await again() : stage.socket;
    const other = begun ? undefined : verdict(stage.client.subscribe("room:2"));
    await settle();
    socket.refuse(code, retry);
    await stage.clock.pass((retry ?? 0) + 499);
    assert.equal(socket.unanswered.length, 0);
    await stage.clock.pass(1);
    assert.equal(socket.answer(at(41)).type, "subscribe");
    await settle();
    if (other) assert.notEqual(other(), "nothing yet");
    await stage.client.close();
  });
}

test("a subscribe that is refused rejects, and the channel is free", async (t) => {
  const { socket, stage } = await feed(t);
  for (let n = 0; n < 2; n++) {
    const got = verdict(stage.client.subscribe("ops:1"));
    await settle();
    socket.refuse("forbidden");
    await settle();
    const error = got();
    assert.ok(error instanceof RequestError && error.code === "forbidden");
  }
  await stage.client.close();
});

test("what the gateway takes away ends behind what came before", async (t) => {
  const { socket, feed: f, taken, stage } = await feed(t);
  socket.say(message(42));
  socket.say({ type: "unsubscribed", channel: "room:1", code: "forbidden", message: "not any more" });
  socket.say(message(43));
  assert.deepEqual(await taken(), [42]);
  await assert.rejects(f.next(), (e) => e instanceof RequestError && e.code === "forbidden");
  await stage.client.close();
});

test("a feed whose caller is slow holds 1,024 messages, and tells what it dropped", async (t) => {
  const { socket, taken, told, stage } = await feed(t);
  for (let n = 42; n < 42 + 1030; n++) socket.say(message(n));
  const got = await taken();
  assert.deepEqual([got.length, got[0], told], [1024, 48, [{ after: 41, before: 48, epoch: "x7", reason: "client", lost: 6 }]]);
  await stage.client.close();
});

test("a feed whose caller is slow holds 4 MiB", async (t) => {
  const { socket, taken, told, stage } = await feed(t);
  for (let n = 42; n < 48; n++) socket.say(message(n, "x".repeat(2 ** 20)));
  assert.deepEqual([(await taken()).length, told.length], [3, 1]);
  await stage.client.close();
});

test("a message larger than all that a feed holds comes nevertheless", async (t) => {
  const { socket, taken, told, stage } = await feed(t);
  socket.say(message(42, "x".repeat(5 * 2 ** 20)));
  assert.deepEqual([(await taken()).length, told], [1, []]);
  await stage.client.close();
});

test("joins and leaves stand among the messages, and are old after another connection", async (t) => {
  const events: PresenceEvent[] = [];
  const { socket, taken, again, stage } = await feed(t, { onPresence: (e) => events.push(e) });
  const member = { user: "bob", connection: "c_9" };
  assert.equal(socket.asked[0]!["join_leave"], true);
  socket.say({ type: "join", channel: "room:1", member });
  socket.say({ type: "join_leave", channel: "room:1", told: false, count: 1001 });
  socket.say({ type: "join_leave", channel: "room:1", told: true, count: 900 });
  (await again()).answer({ ...at(41), recovered: true });
  stage.socket.say({ type: "join_leave", channel: "room:1", told: false, code: "forbidden" });
  await taken();
  assert.deepEqual(events, [{ kind: "anew" }, { kind: "join", member }, { kind: "untold", count: 1001 }, { kind: "anew" }, { kind: "anew" }, { kind: "untold", code: "forbidden" }]);
  await stage.client.close();
});

test("a channel that is left is heard no more; the gateway is asked once it can be", async (t) => {
  const { socket, feed: f, stage } = await feed(t);
  socket.say(message(42));
  const left = f.unsubscribe();
  await assert.rejects(f.next(), UnsubscribedError);
  await settle();
  assert.equal(socket.refuse("rate_limited", 100).type, "unsubscribe");
  await stage.clock.pass(100);
  assert.equal(socket.answer().type, "unsubscribe");
  await left;
  await stage.client.close();
});

test("a channel is left where the connection ends before the gateway has agreed", async (t) => {
  const { socket, feed: f, stage } = await feed(t);
  const left = verdict(f.unsubscribe());
  await settle();
  socket.end(4000, '{"code":"draining","retry_ms":60000}');
  await settle();
  assert.equal(left(), undefined, "it has returned, before there is another connection");
  await stage.client.close();
});

test("a subscribe whose caller has no more time leaves the channel", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const stop = new AbortController();
  const asked = stage.client.subscribe("room:1", { signal: stop.signal });
  await settle();
  stop.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  socket.answer(at(41));
  await settle();
  assert.equal(socket.answer().type, "unsubscribe");
  await stage.client.close();
});

test("for await ends with the client, and throws where the gateway ends the feed", async (t) => {
  const { socket, feed: f, stage } = await feed(t);
  const all: unknown[] = [];
  const reading = (async () => {
    for await (const m of f) all.push(m.data);
  })();
  socket.say(message(42));
  await settle();
  await stage.client.close();
  await reading;
  assert.deepEqual(all, [42]);
  await assert.rejects(f.next(), ClosedError);
});

test("each message goes to one caller of next", async (t) => {
  const { socket, feed: f, stage } = await feed(t);
  const both = Promise.all([f.next(), f.next()]);
  socket.say(message(42));
  socket.say(message(43));
  assert.deepEqual((await both).map((m) => m.data).sort(), [42, 43]);
  await stage.client.close();
});
