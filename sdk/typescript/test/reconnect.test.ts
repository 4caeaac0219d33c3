import assert from "node:assert/strict";
import { test } from "node:test";
import { CloseError, ProtocolError, RefusedError } from "../src/index.js";
import { settle, Stage } from "./stage.js";

const waits = (stage: Stage) => stage.states.flatMap((s) => (s.phase === "waiting" ? [s.waitMs] : []));
const problem = (status: number, code: string, headers = {}) =>
  new Response(JSON.stringify({ status, code, detail: "why", instance: "urn:x" }), { status, headers: { "Content-Type": "application/problem+json", ...headers } });

test("pauses double from failure to failure, up to 30 seconds", async (t) => {
  const stage = new Stage(t);
  for (let n = 0; n < 9; n++) {
    await settle();
    stage.socket.fail();
    await settle();
    await stage.clock.pass(waits(stage)[n]!);
  }
  assert.deepEqual(waits(stage), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  await stage.client.close();
});

test("a pause is any part of its bound: clients that were lost together do not come back together", async (t) => {
  const stage = new Stage(t);
  for (const part of [0, 0.25, 0.5, 0.999]) {
    t.mock.method(Math, "random", () => part);
    await settle();
    stage.socket.fail();
    await settle();
    await stage.clock.pass(waits(stage).at(-1)!);
  }
  assert.deepEqual(waits(stage), [0, 250, 1000, 3996]);
  await stage.client.close();
});

test("a connection that lasts ten seconds has the pauses begin anew, a shorter one has not", async (t) => {
  const stage = new Stage(t);
  for (const lasts of [9_000, 9_000, 10_000, 9_000]) {
    await stage.meet();
    await stage.clock.pass(lasts);
    stage.socket.end(4100, '{"code":"internal"}');
    await settle();
    await stage.clock.pass(waits(stage).at(-1)!);
  }
  assert.deepEqual(waits(stage), [500, 1000, 500, 1000]);
  await stage.client.close();
});

const ends: [name: string, code: number, reason: string, waitMs: number | "ended", renews: boolean][] = [
  ["the gateway drains", 4000, '{"code":"draining","retry_ms":8000}', 8000, false],
  ["as old as one may be", 4001, '{"code":"rebalance"}', 0, false],
  ["read too slowly, with a time", 4101, '{"code":"slow_consumer","retry_ms":1000}', 1500, false],
  ["the credential ended", 4200, '{"code":"credential_expired"}', 0, true],
  ["revoked", 4201, '{"code":"credential_revoked"}', 0, true],
  ["lost", 1006, "", 500, false],
  ["a proxy restarts", 1012, "restart", 500, false],
  ["the operator ended it", 4505, '{"code":"disconnected"}', "ended", false],
  ["too large", 1009, "", "ended", false],
  ["a reason that is no object", 4000, "null", 0, false],
];

for (const [name, code, reason, waitMs, renews] of ends) {
  test(`after ${code}, ${name}`, async (t) => {
    const asked: string[] = [];
    const stage = new Stage(t, { token: () => (asked.push("token"), "t0ken"), renew: () => (asked.push("renew"), "n3w") });
    await stage.meet();
    stage.socket.end(code, reason);
    await settle();
    const last = stage.states.at(-1)!;
    if (waitMs === "ended") {
      assert.ok(last.phase === "ended" && last.error instanceof CloseError && last.error.code === code);
      assert.equal(await stage.client.ended, last.error);
      return;
    }
    const told = stage.states.find((s) => s.phase === "waiting");
    assert.ok(told?.phase === "waiting" && told.error instanceof CloseError && told.error.code === code);
    assert.equal(told.waitMs, waitMs);
    await stage.clock.pass(waitMs);
    assert.deepEqual(asked, ["token", renews ? "renew" : "token"]);
    await stage.client.close();
  });
}

test("a credential that was renewed and is refused again is not asked for at once", async (t) => {
  const stage = new Stage(t);
  stage.tickets = async () => problem(401, "unauthorized");
  await settle();
  await stage.clock.pass(0);
  await stage.clock.pass(1000);
  assert.deepEqual(waits(stage).slice(0, 3), [0, 1000, 2000]);
  await stage.client.close();
});

const refusals: [name: string, answer: () => Response, waitMs: number | "ended", want: [status: number, code: string, detail: string]][] = [
  ["a token that is over", () => problem(401, "token_expired"), 0, [401, "token_expired", "why"]],
  ["a busy gateway", () => problem(503, "unavailable", { "Retry-After": "7" }), 7500, [503, "unavailable", "why"]],
  ["a time that is a date", () => problem(429, "rate_limited", { "Retry-After": "Thu, 01 Jan 2026 00:00:05 GMT" }), 5500, [429, "rate_limited", "why"]],
  ["a time that has passed", () => problem(429, "rate_limited", { "Retry-After": "Thu, 01 Jan 2015 00:00:05 GMT" }), 500, [429, "rate_limited", "why"]],
  ["a suspended tenant", () => problem(403, "tenant_suspended"), "ended", [403, "tenant_suspended", "why"]],
  ["a page of somebody else", () => new Response("<html>", { status: 404 }), "ended", [404, "", ""]],
  ["a redirect", () => new Response(null, { status: 302, headers: { Location: "https://evil.example" } }), "ended", [302, "", ""]],
];

for (const [name, answer, waitMs, want] of refusals) {
  for (const way of ["ticket", "subprotocol"] as const) {
    test(`a refusal is told with its problem, by ${way}: ${name}`, async (t) => {
      const stage = new Stage(t, { way });
      stage.tickets = async () => answer();
      await settle();
      if (way === "subprotocol") stage.socket.fail();
      await settle();
      const told = stage.states[1]!;
      assert.ok((told.phase === "waiting" || told.phase === "ended") && told.error instanceof RefusedError, JSON.stringify(told));
      assert.deepEqual([told.error.status, told.error.code, told.error.detail], want);
      assert.equal(told.phase === "ended" ? "ended" : told.waitMs, waitMs);
      await stage.client.close();
    });
  }
}

test("a handshake that fails though a ticket can be had was lost", async (t) => {
  const stage = new Stage(t, { way: "subprotocol" });
  await settle();
  stage.socket.end(1006);
  await settle();
  const told = stage.states[1]!;
  assert.ok(told.phase === "waiting" && told.error instanceof CloseError && told.error.code === 1006);
  assert.equal(stage.requests.length, 1);
  await stage.client.close();
});

const unanswered: [name: string, thrown: Error, origin: string | undefined, want: string][] = [
  ["Node.js has the cause", new TypeError("fetch failed", { cause: new Error("self-signed certificate") }), undefined, "fetch failed: self-signed certificate"],
  ["Node.js has a cause without a text", new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) }), undefined, "fetch failed: ECONNREFUSED"],
  ["there is no cause", new TypeError("fetch failed"), undefined, "fetch failed"],
  [
    "a page is not told",
    new TypeError("Failed to fetch"),
    "http://localhost:8000",
    "Failed to fetch: nothing answers there, its certificate is not trusted, or the tenant's origins lack http://localhost:8000; the browser's console says which",
  ],
];

for (const [name, thrown, origin, want] of unanswered) {
  test(`a ticket's request without an answer says what was asked, and what to look at: ${name}`, async (t) => {
    if (origin) {
      Object.defineProperty(globalThis, "location", { value: { origin }, configurable: true });
      t.after(() => Reflect.deleteProperty(globalThis, "location"));
    }
    const stage = new Stage(t);
    stage.tickets = async () => {
      throw thrown;
    };
    await settle();
    const told = stage.states[1]!;
    assert.ok(told.phase === "waiting");
    assert.equal(told.error.message, `ask https://edge.example.com/v1/tickets for a ticket: ${want}`);
    assert.equal(told.error.cause, thrown);
    await stage.client.close();
  });
}

const tokens: [name: string, given: unknown, want: RegExp | "connected"][] = [
  ["a line's end behind it, as in files", "eyJ.e30.c2ln\n", "connected"],
  ["JSON with the token in it", '{"token":"eyJ.s3cret.c2ln"}', /return the token alone/],
  ["a page to log in on", "<html>\n<body>s3cret</body></html>", /return the token alone/],
  ["two lines", "eyJ.s3cret\nX-Other: 1", /return the token alone/],
  ["white space", " \n", /returned none/],
  ["nothing", undefined, /returned none/],
];

for (const [name, given, want] of tokens) {
  for (const way of ["ticket", "subprotocol"] as const) {
    test(`what token returns is checked, and no error quotes it, by ${way}: ${name}`, async (t) => {
      const stage = new Stage(t, { way, token: () => given as string });
      if (want === "connected") {
        const socket = await stage.meet();
        const shown = way === "ticket" ? (stage.requests[0]!.init.headers as Record<string, string>).Authorization : socket.protocols[1];
        assert.equal(shown, way === "ticket" ? "Bearer eyJ.e30.c2ln" : "bearer.eyJ.e30.c2ln");
      } else {
        await settle();
        const told = stage.states[1]!;
        assert.ok(told.phase === "waiting" && want.test(told.error.message) && !told.error.message.includes("s3cret"), JSON.stringify(told));
        assert.equal(stage.requests.length + stage.sockets.length, 0);
      }
      await stage.client.close();
    });
  }
}

const hanging: [name: string, more: object, play: (stage: Stage) => Promise<void>][] = [
  ["a token that does not come, of a source that looks at no signal", { token: () => new Promise(() => {}) }, async () => {}],
  ["a ticket that does not come", { fetch: () => new Promise(() => {}) }, async () => {}],
  ["a handshake that has no answer", {}, async () => {}],
  ["a welcome that does not come", {}, async (stage) => stage.socket.open()],
];

for (const [name, more, play] of hanging) {
  test(`an attempt ends after 30 seconds: ${name}`, async (t) => {
    const stage = new Stage(t, more);
    await settle();
    await play(stage);
    await stage.clock.pass(29_999);
    assert.equal(stage.phases, "connecting");
    await stage.clock.pass(1);
    const told = stage.states[1]!;
    assert.ok(told.phase === "waiting" && /30 s/.test(told.error.message), stage.phases);
    await stage.client.close();
    assert.ok(stage.sockets.every((s) => s.readyState === 3 && !s.onmessage));
  });
}

const strange: [name: string, play: (stage: Stage) => void, phase: string, error: RegExp][] = [
  ["no JSON", (s) => s.socket.say("<html>"), "ended", /broke the protocol/],
  ["no object", (s) => s.socket.say("null"), "ended", /broke the protocol/],
  ["bytes", (s) => s.socket.onmessage?.({ data: new ArrayBuffer(4) }), "ended", /broke the protocol/],
  ["something else than a welcome first", (s) => s.socket.say({ type: "hello" }), "waiting", /no Portcullis gateway/],
];

for (const [name, play, phase, error] of strange) {
  test(`a server that is no gateway: ${name}`, async (t) => {
    const stage = new Stage(t);
    await settle();
    stage.socket.open();
    play(stage);
    await settle();
    const told = stage.states[1]!;
    assert.ok(told.phase === phase && "error" in told && error.test(told.error!.message), JSON.stringify(stage.states));
    if (phase === "ended") assert.ok((await stage.client.ended) instanceof ProtocolError);
    await stage.client.close();
  });
}

test("another subprotocol is no gateway's", async (t) => {
  const stage = new Stage(t);
  await settle();
  stage.socket.open("mqtt");
  await settle();
  const told = stage.states[1]!;
  assert.ok(told.phase === "waiting" && /answered subprotocol "mqtt"/.test(told.error.message));
  await stage.client.close();
});

test("frames of a kind that is not known yet are passed over", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  socket.say({ type: "confetti", channel: "room:1" });
  socket.say({ type: "ok", id: 99 });
  assert.equal(stage.phases, "connecting connected");
  await stage.client.close();
});

test("what a config's functions throw is told as an uncaught error, and the client goes on", async (t) => {
  const thrown: unknown[] = [];
  const real = queueMicrotask;
  t.mock.method(globalThis, "queueMicrotask", (call: () => void) =>
    real(() => {
      try {
        call();
      } catch (error) {
        thrown.push(error);
      }
    }),
  );
  const mine = new Error("mine");
  const throws = () => {
    throw mine;
  };
  const stage = new Stage(t, { onState: throws, onFeed: throws, feedOptions: throws });
  const socket = await stage.meet({ subscriptions: [{ channel: "inbox" }] });
  const pong = stage.client.ping();
  await settle();
  socket.answer({ time: 7 });
  assert.equal(await pong, 7);
  assert.deepEqual(thrown, [mine, mine, mine, mine]);
  await stage.client.close();
});
