import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, connect } from "../src/index.js";
import { FakeSocket, settle, Stage } from "./stage.js";

const good: Config = { url: "wss://edge.example.com", token: () => "t", WebSocket: FakeSocket };

const never: [name: string, config: Partial<Config>, want: RegExp][] = [
  ["no address", { url: "edge" }, /wss:\/\/host/],
  ["another protocol", { url: "https://edge.example.com" }, /must be wss:\/\/host/],
  ["a token in plaintext to another machine", { url: "ws://edge.example.com" }, /plaintext to another machine: use wss/],
  ["a token in plaintext to a name that begins as this machine's", { url: "ws://localhost.example.com" }, /plaintext/],
  ["a token in plaintext to a name that looks like an address", { url: "ws://127.0.0.1.example.com" }, /plaintext/],
  ["a user in the address", { url: "wss://ana:secret@edge.example.com" }, /has a user in it: use token/],
  ["a query", { url: "wss://edge.example.com/v1/ws?token=secret" }, /has a query or a fragment/],
  ["a fragment", { url: "wss://edge.example.com/#x" }, /has a query or a fragment/],
  ["an unknown way", { way: "cookie" as never }, /way "cookie" is unknown/],
  ["no token", { token: undefined as never }, /token is missing/],
  ["a pause of nothing", { longestPauseMs: 0 }, /longestPauseMs is 0/],
  ["a pause that is no number", { longestPauseMs: NaN }, /longestPauseMs is NaN/],
];

for (const [name, more, want] of never) {
  test(`refused at once: ${name}`, () => {
    assert.throws(() => connect({ ...good, ...more }), (e) => e instanceof TypeError && want.test(e.message) && !e.message.includes("secret"));
  });
}

test("where there is no WebSocket the error says what to do", (t) => {
  const was = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Object.defineProperty(globalThis, "WebSocket", { value: undefined, configurable: true, writable: true });
  t.after(() => (was ? Object.defineProperty(globalThis, "WebSocket", was) : delete (globalThis as { WebSocket?: unknown }).WebSocket));
  const { WebSocket: _, ...without } = good;
  assert.throws(() => connect(without), /--experimental-websocket/);
});

const addresses: [url: string, socket: string, tickets: string][] = [
  ["wss://edge.example.com", "wss://edge.example.com/v1/ws?ticket=t1cket", "https://edge.example.com/v1/tickets"],
  ["wss://edge.example.com:8443/", "wss://edge.example.com:8443/v1/ws?ticket=t1cket", "https://edge.example.com:8443/v1/tickets"],
  ["wss://example.com/edge/v1/ws", "wss://example.com/edge/v1/ws?ticket=t1cket", "https://example.com/edge/v1/tickets"],
  ["ws://localhost:8080", "ws://localhost:8080/v1/ws?ticket=t1cket", "http://localhost:8080/v1/tickets"],
  ["ws://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/ws?ticket=t1cket", "http://127.0.0.1:8080/v1/tickets"],
  ["ws://[::1]:8080", "ws://[::1]:8080/v1/ws?ticket=t1cket", "http://[::1]:8080/v1/tickets"],
];

for (const [url, socket, tickets] of addresses) {
  test(`${url} is where it means`, async (t) => {
    const stage = new Stage(t, { url });
    await settle();
    assert.equal(stage.requests[0]?.url, tickets);
    assert.deepEqual([stage.socket.url, stage.socket.protocols], [socket, ["portcullis.v1.json"]]);
    await stage.client.close();
  });
}

test("plaintext to another machine is for who asks for it", async (t) => {
  const stage = new Stage(t, { url: "ws://edge.internal", insecurePlaintext: true });
  await settle();
  assert.equal(stage.socket.url, "ws://edge.internal/v1/ws?ticket=t1cket");
  await stage.client.close();
});

test("the token goes to the gateway alone: no redirect, no cookie, no query, nothing kept", async (t) => {
  const stage = new Stage(t);
  await settle();
  const { init } = stage.requests[0]!;
  const { signal: _, ...asked } = init;
  assert.deepEqual(asked, { method: "POST", headers: { Authorization: "Bearer t0ken" }, redirect: "manual", credentials: "omit", cache: "no-store" });
  await stage.client.close();
});

test("in the subprotocol the token is the second entry", async (t) => {
  const stage = new Stage(t, { way: "subprotocol" });
  await settle();
  assert.deepEqual([stage.socket.url, stage.socket.protocols], ["wss://edge.example.com/v1/ws", ["portcullis.v1.json", "bearer.t0ken"]]);
  assert.equal(stage.requests.length, 0);
  await stage.client.close();
});
