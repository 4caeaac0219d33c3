import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestError } from "../src/index.js";
import { settle, Stage } from "./stage.js";

const start = Date.UTC(2026, 0, 1);
const minutes = (n: number) => n * 60_000;

test("a credential is refreshed 45 seconds before its end, again and again", async (t) => {
  let made = 0;
  const stage = new Stage(t, { renew: () => `n3w${++made}` });
  const socket = await stage.meet({ expires: start + minutes(10), ping_ms: 0 });
  for (let n = 1; n <= 3; n++) {
    await stage.clock.pass(n === 1 ? minutes(10) - 45_001 : minutes(10) - 1);
    assert.equal(socket.unanswered.length, 0);
    await stage.clock.pass(1);
    assert.deepEqual(socket.answer({ expires: start + minutes(10 * (n + 1)) }), { type: "refresh", id: n, token: `n3w${n}` });
  }
  await stage.client.close();
});

test("it is refreshed when the gateway says that it ends", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ expires: start + minutes(10) });
  socket.say({ type: "expiring", in_ms: 60_000 });
  await settle();
  assert.equal(socket.answer({ expires: start + minutes(20) }).type, "refresh");
  await stage.client.close();
});

test("one that ends in a year is not refreshed today, though no timer is so long", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ expires: start + minutes(365 * 24 * 60), ping_ms: 0 });
  await stage.clock.pass(minutes(364 * 24 * 60));
  assert.equal(socket.frames.length, 0);
  await stage.clock.pass(minutes(24 * 60));
  assert.equal(socket.asked[0]?.type, "refresh");
  await stage.client.close();
});

test("a clock that is ahead of the gateway's does not refresh without end", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ expires: start - minutes(60), ping_ms: 0 });
  for (let n = 0; n < 30; n++) {
    await stage.clock.pass(1_000);
    while (socket.unanswered.length) socket.answer({ expires: start - minutes(50) });
  }
  assert.ok(socket.asked.length <= 4, `${socket.asked.length} refreshes in 30 s`);
  await stage.client.close();
});

const failures: [name: string, token: () => string | Promise<string>, code: string | undefined, again: boolean][] = [
  ["the source fails", () => Promise.reject(new Error("no network")), undefined, true],
  ["the gateway does not believe it", () => "t0ken", "unauthorized", true],
  ["it cannot be refreshed", () => "t0ken", "not_available", false],
];

for (const [name, renew, code, again] of failures) {
  test(`a refresh fails, the connection goes on, and it is tried again where that helps: ${name}`, async (t) => {
    let asked = 0;
    const stage = new Stage(t, { renew: () => (asked++, renew()) });
    const socket = await stage.meet({ expires: start + minutes(10), ping_ms: 0 });
    socket.say({ type: "expiring", in_ms: 60_000 });
    await settle();
    if (code) socket.refuse(code);
    await settle();
    const { state } = stage.client;
    assert.ok(state.phase === "connected" && state.error, "what hindered it is told");
    if (code) assert.ok(state.error instanceof RequestError && state.error.code === code);
    await stage.clock.pass(10_000);
    assert.equal(asked, again ? 2 : 1);
    await stage.client.close();
  });
}

test("a refresh that the gateway puts off is tried again when it says", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ expires: start + minutes(10), ping_ms: 0 });
  socket.say({ type: "expiring", in_ms: 60_000 });
  await settle();
  socket.refuse("unavailable", 20_000);
  await stage.clock.pass(19_999);
  assert.equal(socket.unanswered.length, 0);
  await stage.clock.pass(1);
  assert.equal(socket.answer({ expires: start + minutes(20) }).type, "refresh");
  await stage.client.close();
});

test("a source that does not come back holds up neither the connection nor its end", async (t) => {
  const stage = new Stage(t, { renew: () => new Promise(() => {}) });
  const socket = await stage.meet({ expires: start + minutes(10), ping_ms: 0 });
  socket.say({ type: "expiring", in_ms: 60_000 });
  const pong = stage.client.ping();
  await settle();
  socket.answer({ time: 7 });
  assert.equal(await pong, 7);
  await stage.client.close();
  assert.equal(stage.clock.pending, 0);
});
