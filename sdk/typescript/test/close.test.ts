import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { ClosedError } from "../src/index.js";
import { settle, Stage, verdict } from "./stage.js";

const moments: [name: string, reach: (stage: Stage) => Promise<void>][] = [
  ["at once", async () => {}],
  ["while a ticket is asked for", async () => settle()],
  ["in a handshake", async (s) => (await settle(), s.socket.open())],
  ["while connected", async (s) => void (await s.meet())],
  ["between two attempts", async (s) => (await settle(), s.socket.fail(), settle())],
  ["before a channel is asked for again", async (s) => void ((await s.meet()), void verdict(s.client.subscribe("room:9")), await settle(), s.socket.refuse("unavailable", 60_000), await settle())],
  ["with a gateway that does not answer a goodbye", async (s) => void ((await s.meet()).polite = false)],
];

for (const [name, reach] of moments) {
  test(`close leaves nothing behind: ${name}`, async (t) => {
    const stage = new Stage(t);
    await reach(stage);
    const { signal } = new AbortController();
    const waiting = [stage.client.ping({ signal }), stage.client.publish("room:1", 1, { signal }), stage.client.subscribe("room:1", { signal })].map(verdict);
    await settle();
    const closed = verdict(stage.client.close());
    const again = verdict(stage.client.close());
    await stage.clock.pass(2_000);
    assert.deepEqual([closed(), again()], [undefined, undefined], "it has returned after two seconds");
    for (const got of waiting) assert.match(String(got()), /ClosedError|UncertainError/);
    assert.equal(stage.clock.pending, 0, "no timer");
    assert.equal(getEventListeners(signal, "abort").length, 0, "no listener");
    for (const s of stage.sockets) {
      assert.ok(s.readyState >= 2, "no socket");
      assert.deepEqual([s.onopen, s.onmessage, s.onclose], [null, null, null]);
    }
    assert.ok((await stage.client.ended) instanceof ClosedError);
    assert.equal(stage.client.state.phase, "ended");
    await assert.rejects(stage.client.subscribe("room:2"), ClosedError);
    const [sockets, states] = [stage.sockets.length, stage.states.length];
    await stage.clock.pass(600_000);
    assert.deepEqual([stage.sockets.length, stage.states.length], [sockets, states], "nothing moves");
  });
}

test("what lives on leaves no listener on a caller's signal when its request is answered", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const { signal } = new AbortController();
  for (let n = 0; n < 10; n++) {
    const done = stage.client.ping({ signal });
    await settle();
    socket.answer({ time: 1 });
    await done;
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
  await stage.client.close();
});

test("a connection that ended leaves no listener, however many there were", async (t) => {
  const held = new Map<unknown, number>();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  t.mock.method(AbortSignal.prototype, "addEventListener", function (this: AbortSignal, ...given: Parameters<typeof addEventListener>) {
    held.set(given[1], (held.get(given[1]) ?? 0) + 1);
    addEventListener.apply(this, given);
  });
  t.mock.method(AbortSignal.prototype, "removeEventListener", function (this: AbortSignal, ...given: Parameters<typeof removeEventListener>) {
    held.delete(given[1]);
    removeEventListener.apply(this, given);
  });
  const stage = new Stage(t);
  const counts = [];
  for (let n = 0; n < 3; n++) {
    await stage.meet();
    counts.push(held.size);
    stage.socket.end(4000, '{"code":"draining"}');
    await settle();
    await stage.clock.pass(0);
  }
  assert.deepEqual(counts, Array(3).fill(counts[0]), "listeners in each connection");
  await stage.client.close();
  assert.equal(held.size, 0, "listeners behind the last");
});

test("a goodbye is waited for, and no longer than two seconds", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  socket.polite = false;
  const closed = verdict(stage.client.close());
  await stage.clock.pass(1_999);
  assert.equal(closed(), "nothing yet");
  await stage.clock.pass(1);
  assert.equal(closed(), undefined);
});

test("a client may be closed by what it tells", async (t) => {
  const stage: Stage = new Stage(t, { onState: (s) => s.phase === "connected" && void stage.client.close() });
  await stage.meet();
  await stage.clock.pass(2_000);
  assert.equal(stage.client.state.phase, "ended");
  assert.equal(stage.clock.pending, 0);
});
