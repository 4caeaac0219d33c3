import assert from "node:assert/strict";
import { test } from "node:test";
import { type FeedOptions, type Feed, RequestError } from "../src/index.js";
import { hello, settle, Stage, verdict } from "./stage.js";

const channels = (n: number) => Array.from({ length: n }, (_, i) => `room:${String(i).padStart(3, "0")}`);

test("what is subscribed to at one moment goes out in one frame", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const all = Promise.all(channels(50).map((c) => stage.client.subscribe(c)));
  await settle();
  assert.equal(socket.frames.length, 1);
  assert.deepEqual(socket.asked.map((r) => r["channel"]), channels(50));
  while (socket.unanswered.length) socket.answer();
  assert.equal((await all).length, 50);
  await stage.client.close();
});

test("no frame is larger than message_size, and no batch above the rate", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ limits: { message_size: 300, messages_per_second_per_connection: 20 } });
  const all = verdict(Promise.all(channels(50).map((c) => stage.client.subscribe(c))));
  const sent: number[] = [];
  for (let n = 0; n < 3; n++) {
    await settle();
    sent.push(socket.asked.length);
    while (socket.unanswered.length) socket.answer();
    await settle();
    assert.equal(socket.unanswered.length, 0, "the next batch waits for its second");
    await stage.clock.pass(1_000);
  }
  assert.deepEqual(sent, [20, 40, 50]);
  assert.ok(socket.frames.every((text) => new TextEncoder().encode(text).length <= 300));
  assert.ok(socket.frames.length <= 15, `${socket.frames.length} frames`);
  assert.notEqual(all(), "nothing yet");
  await stage.client.close();
});

test("batches are smaller after the gateway was asked too often", async (t) => {
  const stage = new Stage(t);
  const first = await stage.meet();
  const all = verdict(Promise.all(channels(200).map((c) => stage.client.subscribe(c))));
  await settle();
  assert.equal(first.asked.length, 128);
  first.end(4103, '{"code":"rate_limited"}');
  await settle();
  await stage.clock.pass(500);
  const second = await stage.meet();
  assert.equal(second.asked.length, 64);
  assert.equal(all(), "nothing yet");
  await stage.client.close();
});

test("a name that does not fit into a message is refused, and holds up no other", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ limits: { message_size: 100 } });
  const [long, short] = [verdict(stage.client.subscribe("a".repeat(200))), verdict(stage.client.subscribe("room:1"))];
  await settle();
  socket.answer();
  await settle();
  const error = long();
  assert.ok(error instanceof RequestError && error.code === "too_large");
  assert.notEqual(short(), "nothing yet");
  await stage.client.close();
});

/** A client that is subscribed to inbox by the gateway. */
async function chosen(t: import("node:test").TestContext, options: FeedOptions = {}) {
  const feeds: Feed[] = [];
  const stage = new Stage(t, { onFeed: (f) => feeds.push(f), feedOptions: () => options });
  const place = { channel: "inbox", offset: 4, epoch: "x7" };
  const again = async (more: object) => {
    stage.socket.end(1006);
    await settle();
    await stage.clock.pass(30_000);
    return stage.meet(more);
  };
  return { stage, feeds, place, again, socket: await stage.meet({ subscriptions: [place] }) };
}

test("what the gateway chose is heard without a request, also where it was chosen later", async (t) => {
  const { stage, feeds, socket } = await chosen(t);
  socket.say({ type: "message", channel: "inbox", offset: 5, time: 1, from: { user: "bob" }, data: 1 });
  assert.deepEqual([(await feeds[0]!.next()).position, socket.frames.length], [{ offset: 5, epoch: "x7" }, 0]);
  socket.say({ type: "subscribed", channel: "lobby" });
  assert.deepEqual(feeds.map((f) => f.channel), ["inbox", "lobby"]);
  await stage.client.close();
});

test("where something was said between two connections the client asks for it", async (t) => {
  const { stage, feeds, place, again } = await chosen(t);
  const same = await again({ subscriptions: [place] });
  await settle();
  assert.equal(same.frames.length, 0, "nothing was missed");
  const more = await again({ subscriptions: [{ ...place, offset: 9 }] });
  more.say({ type: "message", channel: "inbox", offset: 10, time: 1, from: { user: "bob" }, data: "too early" });
  await settle();
  assert.deepEqual(more.answer({ offset: 10, epoch: "x7", recovered: true })["since"], { offset: 4, epoch: "x7" });
  more.say({ type: "message", channel: "inbox", offset: 5, time: 1, from: { user: "bob" }, data: "first" });
  assert.equal((await feeds[0]!.next()).data, "first");
  assert.equal(feeds.length, 1);
  await stage.client.close();
});

test("who wants joins and leaves too asks for what the gateway chose to be replaced", async (t) => {
  const { stage, socket } = await chosen(t, { onPresence: () => {} });
  socket.say({ type: "subscribed", channel: "lobby" });
  await settle();
  socket.answer({ offset: 4, epoch: "x7", recovered: false, reason: "epoch" });
  await settle();
  const places = socket.asked.map((r) => [r["channel"], r["join_leave"], r["since"]]);
  assert.deepEqual(places, [["inbox", true, { offset: 0, epoch: "" }], ["lobby", true, { offset: 0, epoch: "" }]]);
  await stage.client.close();
});

test("what is chosen no more ends", async (t) => {
  const { stage, feeds, again } = await chosen(t);
  await again({});
  await assert.rejects(feeds[0]!.next(), (e) => e instanceof RequestError && e.code === "not_subscribed");
  await stage.client.close();
});

test("a gateway that was first is asked with since", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const asked = verdict(stage.client.subscribe("inbox"));
  await settle();
  socket.say({ type: "subscribed", channel: "inbox", offset: 4, epoch: "x7" });
  socket.refuse("already_subscribed");
  await settle();
  assert.deepEqual(socket.answer({ offset: 4, epoch: "x7", recovered: false, reason: "epoch" })["since"], { offset: 0, epoch: "" });
  await settle();
  assert.notEqual(asked(), "nothing yet");
  await stage.client.close();
});

test("a second feed of a channel is refused by the client", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ ...hello });
  const first = stage.client.subscribe("room:1");
  await assert.rejects(stage.client.subscribe("room:1"), (e) => e instanceof RequestError && e.code === "already_subscribed");
  await settle();
  socket.answer();
  await first;
  await stage.client.close();
});
