import assert from "node:assert/strict";
import { test } from "node:test";
import { CloseError } from "../src/index.js";
import { Stage } from "./stage.js";

// The gateway of the stage pings every 25 s, which scripts do not see.

test("a gateway that says nothing is asked ten seconds after its ping was due, and given up ten seconds later", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  await stage.clock.pass(34_999);
  assert.equal(socket.frames.length, 0);
  await stage.clock.pass(1);
  assert.deepEqual(socket.asked.map((r) => r.type), ["ping"]);
  await stage.clock.pass(9_999);
  assert.equal(stage.phases, "connecting connected");
  await stage.clock.pass(1);
  const { error } = stage.states[2]! as { error: Error };
  assert.ok(error instanceof CloseError && error.code === 1006 && /nothing was heard for 45 s/.test(error.message), stage.phases);
  await stage.client.close();
});

for (const [name, sound] of [["an answer", { type: "ok", id: 1 }], ["a message", { type: "message", channel: "room:1", from: { user: "ben" } }]] as const) {
  test(`${name} is a sign of life`, async (t) => {
    const stage = new Stage(t);
    const socket = await stage.meet();
    for (let n = 0; n < 5; n++) {
      await stage.clock.pass(36_000);
      socket.say(sound);
    }
    assert.equal(stage.phases, "connecting connected");
    await stage.client.close();
  });
}

test("a gateway that does not ping is not watched", async (t) => {
  const stage = new Stage(t);
  await stage.meet({ ping_ms: 0 });
  await stage.clock.pass(3_600_000);
  assert.equal(stage.phases, "connecting connected");
  await stage.client.close();
});

test("a machine that slept asks before it gives up", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  await stage.clock.pass(20_000);
  stage.clock.sleep(3_600_000);
  await stage.clock.pass(1);
  assert.equal(stage.phases, "connecting connected");
  socket.answer();
  await stage.clock.pass(10_000);
  assert.equal(stage.phases, "connecting connected");
  await stage.client.close();
});

test("a hidden tab, whose timers ring once a minute, keeps a gateway that answers and leaves one that does not", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  stage.clock.grain = 60_000;
  for (let n = 0; n < 10; n++) {
    await stage.clock.pass(60_000);
    while (socket.unanswered.length) socket.answer();
  }
  assert.equal(stage.phases, "connecting connected");
  await stage.clock.pass(240_000);
  assert.match(stage.phases, /^connecting connected waiting/);
  await stage.client.close();
});
