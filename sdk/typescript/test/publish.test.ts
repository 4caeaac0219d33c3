import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestError, sealed, UncertainError } from "../src/index.js";
import { hello, settle, Stage, verdict } from "./stage.js";

const place = { offset: 45, epoch: "x7" };

const outgoing: [name: string, data: unknown, want: object][] = [
  ["an object", { text: "hi" }, { data: { text: "hi" } }],
  ["null", null, { data: null }],
  ["an empty text", "", { data: "" }],
  ["half of a pair", "\ud800", { data: "\ud800" }],
  ["bytes", Uint8Array.of(0, 1, 2, 255), { base64: "AAEC/w==" }],
  ["no bytes", new Uint8Array(), { base64: "" }],
  ["what is encrypted end to end", sealed("a..b.c.d"), { data: "a..b.c.d", encryption: "jwe" }],
];

for (const [name, data, want] of outgoing) {
  test(`goes out: ${name}`, async (t) => {
    const stage = new Stage(t);
    const socket = await stage.meet();
    const done = stage.client.publish("room:1", data);
    await settle();
    assert.ok(socket.frames[0]!.startsWith('{"type":"publish","id":1,"channel":"room:1",'), "the id stands before the data");
    const { type: _, id: _id, channel: _channel, idempotency_key: key, ...rest } = socket.answer(place);
    assert.deepEqual(rest, want);
    assert.match(String(key), /^.{24}-1$/);
    assert.deepEqual(await done, { position: place, duplicate: false });
    await stage.client.close();
  });
}

test("what is encrypted end to end is echoed as what it is", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const back = stage.client.echo("room:1", sealed("a..b.c.d"));
  await settle();
  const { data, encryption } = socket.answer({ data: "a..b.c.d" });
  assert.deepEqual([data, encryption, await back], ["a..b.c.d", "jwe", "a..b.c.d"]);
  await stage.client.close();
});

for (const [name, data] of [["a function", () => 1], ["undefined", undefined], ["a symbol", Symbol()]] as const) {
  test(`is no JSON: ${name}`, async (t) => {
    const stage = new Stage(t);
    const socket = await stage.meet();
    await assert.rejects(stage.client.publish("room:1", data), /no JSON value/);
    assert.equal(socket.frames.length, 0);
    await stage.client.close();
  });
}

test("a lost answer is asked for with the same key and the same data, whatever became of the object", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const data = { text: "hi" };
  const done = stage.client.publish("room:1", data);
  await settle();
  data.text = "something else";
  socket.end(1006);
  await settle();
  await stage.clock.pass(500);
  const next = await stage.meet();
  assert.deepEqual(next.answer({ ...place, duplicate: true }), { ...socket.asked[0], id: 1 });
  assert.deepEqual(await done, { position: place, duplicate: true });
  await stage.client.close();
});

test("on a channel without history it is sent once, and an answer that is lost is uncertain", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const first = stage.client.publish("bare:1", 1);
  await settle();
  socket.refuse("not_available");
  await settle();
  assert.equal(socket.answer()["idempotency_key"], undefined);
  assert.deepEqual(await first, { duplicate: false });
  const second = verdict(stage.client.publish("bare:1", 2));
  await settle();
  assert.equal(socket.unanswered[0]!["idempotency_key"], undefined, "what is known is not asked for again");
  socket.end(1006);
  await settle();
  const error = second();
  assert.ok(error instanceof UncertainError && /1006|lost/.test(String(error.cause)));
  await stage.client.close();
});

const answers: [name: string, code: string, retry: number | undefined, again: boolean][] = [
  ["the engine did not say", "unavailable", undefined, true],
  ["not allowed", "forbidden", undefined, false],
  ["too often, with nothing under way", "rate_limited", 250, false],
  ["the key was used for another message", "conflict", undefined, false],
];

for (const [name, code, retry, again] of answers) {
  test(`an answer of ${code}: ${name}`, async (t) => {
    const stage = new Stage(t);
    const socket = await stage.meet();
    const got = verdict(stage.client.publish("room:1", 1));
    await settle();
    socket.refuse(code, retry);
    await stage.clock.pass(500);
    if (again) {
      assert.equal(got(), "nothing yet");
      socket.refuse("rate_limited", 250); // it must still find out
      await stage.clock.pass(500);
      socket.answer(place);
      await settle();
      assert.deepEqual(got(), { position: place, duplicate: false });
    } else {
      const error = got();
      assert.ok(error instanceof RequestError && error.code === code);
      assert.equal(socket.unanswered.length, 0);
    }
    await stage.client.close();
  });
}

test("what was refused after an answer was lost is uncertain", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const got = verdict(stage.client.publish("room:1", 1));
  await settle();
  socket.end(1006);
  await settle();
  await stage.clock.pass(500);
  (await stage.meet()).refuse("forbidden");
  await settle();
  assert.ok(got() instanceof UncertainError);
  await stage.client.close();
});

for (const [name, away] of [
  ["on a page whose timers ring late", (stage: Stage) => ((stage.clock.grain = 60_000), stage.clock.pass(239_000))],
  ["on a machine that slept", async (stage: Stage) => stage.clock.sleep(600_000)],
] as const) {
  test(`it is not repeated after four minutes, when the gateway may have forgotten its key: ${name}`, async (t) => {
    const stage = new Stage(t, { longestPauseMs: 1 });
    const socket = await stage.meet();
    const got = verdict(stage.client.publish("room:1", 1));
    await settle();
    socket.end(1006);
    await away(stage);
    stage.clock.sleep(1_000);
    stage.clock.grain = 1;
    for (const s of stage.sockets) if (s.readyState === 0) s.open(), s.say({ ...hello, limits: {}, ping_ms: 0 });
    await stage.clock.pass(1_000);
    const next = stage.socket;
    if (next.readyState === 0) await stage.meet();
    await settle();
    const error = got();
    assert.ok(error instanceof UncertainError && /4 min/.test(String(error.cause)), String(error));
    assert.ok(stage.sockets.slice(1).every((s) => s.frames.length === 0), "it was sent again");
    await stage.client.close();
  });
}

test("who has no more time knows whether anything was sent", async (t) => {
  const stage = new Stage(t);
  const [before, after] = [new AbortController(), new AbortController()];
  const waiting = verdict(stage.client.publish("room:1", 1, { signal: before.signal }));
  await settle();
  before.abort(new Error("enough"));
  await settle();
  assert.match(String(waiting()), /^Error: enough/);
  const socket = await stage.meet();
  const sent = verdict(stage.client.publish("room:1", 2, { signal: after.signal }));
  await settle();
  after.abort(new Error("enough"));
  await settle();
  const error = sent();
  assert.ok(error instanceof UncertainError && /enough/.test(String(error.cause)));
  assert.deepEqual(socket.asked.map((r) => r["data"]), [2]);
  await stage.client.close();
});

test("what the gateway would end the connection for is not sent", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet({ limits: { message_size: 200 } });
  await assert.rejects(stage.client.publish("room:1", "ä".repeat(100)), (e) => e instanceof RequestError && e.code === "too_large");
  assert.equal(socket.frames.length, 0);
  await stage.client.close();
});
