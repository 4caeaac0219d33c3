// What the SDK does with a real gateway.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CloseError, type Feed, type Gap, type Message, type PresenceEvent, RefusedError, RequestError, sealed, UnsubscribedError } from "../../src/index.js";
import { client, closeAll, control, cut, soon, States, token, url } from "./gateway.js";

afterEach(closeAll);

let number = 0;
/** A channel of this test alone. */
const fresh = (kind = "room") => `${kind}:t${process.pid}-${++number}`;

for (const way of ["ticket", "subprotocol"] as const) {
  test(`connects, is told who it is, echoes and pings, by ${way}`, async () => {
    const states = new States();
    const c = client("ana", { way, onState: states.take });
    const { welcome } = await states.reach("connected");
    assert.deepEqual([welcome.tenant, welcome.user, welcome.segment], ["acme", "ana", "ana"]);
    assert.deepEqual(welcome.chosen.map((one) => one.channel), ["room:chosen"]);
    assert.ok(welcome.pingMs > 0 && welcome.expires! > Date.now() && welcome.limits.message_size! > 0);
    assert.deepEqual(await c.echo("room:1", { text: "Hello, Secure World!" }, soon()), { text: "Hello, Secure World!" });
    assert.ok(Math.abs((await c.ping(soon())) - Date.now()) < 60_000);
  });

  test(`a token that is over is told with its problem, by ${way}, and another one is asked for`, async () => {
    const states = new States();
    let renewed = 0;
    client("ana", { way, onState: states.take, token: () => token("ana", "&seconds=-3600"), renew: () => (renewed++, token("ana")) });
    await states.reach("connected");
    const { error } = await states.reach("waiting");
    assert.ok(error instanceof RefusedError, String(error));
    assert.deepEqual([error.status, error.code, error.advice], [401, "token_expired", "renew"]);
    assert.match(error.instance, /^urn:portcullis:/);
    assert.equal(renewed, 1);
  });

  test(`a suspended tenant's client ends with the problem, by ${way}`, async () => {
    const states = new States();
    const c = client("ana", { way, onState: states.take });
    await states.reach("connected");
    await control("/admin/v1/tenants/acme/suspend");
    try {
      const end = await c.ended;
      assert.ok(end instanceof CloseError && end.code === 4502, String(end));
      const refused = await client("ana", { way }).ended;
      assert.ok(refused instanceof RefusedError, String(refused));
      assert.deepEqual([refused.status, refused.code], [403, "tenant_suspended"]);
      await assert.rejects(c.ping(), end);
    } finally {
      await control("/admin/v1/tenants/acme/resume");
    }
  });
}

test("delivers what is published, once and in order, with its sender and place", async () => {
  const [a, b, channel] = [client("ana"), client("bob"), fresh()];
  const feed = await a.subscribe(channel, soon());
  const places = [];
  for (let n = 1; n <= 20; n++) places.push((await b.publish(channel, { n }, soon())).position);
  for (let n = 1; n <= 20; n++) {
    const m = await feed.next(soon());
    assert.deepEqual([m.data, m.from.user, m.position, m.channel], [{ n }, "bob", places[n - 1], channel]);
  }
});

test("bytes arrive as bytes", async () => {
  const [c, channel] = [client("ana"), fresh()];
  const feed = await c.subscribe(channel, soon());
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i % 256);
  await c.publish(channel, bytes, soon());
  const m = await feed.next(soon());
  assert.deepEqual(m.binary, bytes);
  assert.equal(m.data, undefined);
});

test("continues where it was after its connection was cut", async () => {
  const [channel, gaps] = [fresh(), [] as Gap[]];
  const states = new States();
  const c = client("ana", { onState: states.take });
  const feed = await c.subscribe(channel, { onGap: (g) => gaps.push(g), ...soon() });
  await c.publish(channel, 1, soon());
  await cut();
  await states.reach("waiting");
  const other = client("bob");
  for (const n of [2, 3]) await other.publish(channel, n, soon());
  for (const n of [1, 2, 3]) assert.equal((await feed.next(soon())).data, n);
  assert.deepEqual(gaps, []);
});

test("tells a gap where it cannot continue after its connection was cut", async () => {
  const states = new States();
  const c = client("ana", { onState: states.take });
  const [bare, brief] = [fresh("bare"), fresh("brief")];
  const gaps: Gap[] = [];
  const bareFeed = await c.subscribe(bare, { onGap: (g) => gaps.push(g), ...soon() });
  const briefFeed = await c.subscribe(brief, { onGap: (g) => gaps.push(g), ...soon() });
  const first = (await c.publish(brief, 0, soon())).position!;
  assert.equal((await briefFeed.next(soon())).data, 0);
  const other = client("bob");
  await other.ping(soon());
  await control("/down");
  await states.reach("waiting");
  for (let n = 1; n <= 9; n++) await control(`/v1/channels/${brief}/messages`, "POST", `{"data":${n}}`);
  await control("/up");
  await c.ping(soon());
  const last = (await other.publish(brief, "last", soon())).position!;
  let m: Message;
  do m = await briefFeed.next(soon());
  while (m.data !== "last");
  assert.deepEqual(m.position, last);
  await other.publish(bare, "last", soon());
  assert.equal((await bareFeed.next(soon())).data, "last");
  assert.deepEqual(gaps.map((g) => [g.reason, g.after > 0]), [["trimmed", true], ["no_history", false]]);
  assert.equal(gaps[0]!.after, first.offset);
});

test("a strict feed ends where it cannot continue without a gap", async () => {
  const [c, channel] = [client("ana"), fresh("brief")];
  const first = (await c.publish(channel, 0, soon())).position!;
  for (let n = 1; n <= 9; n++) await c.publish(channel, n, soon());
  await assert.rejects(c.subscribe(channel, { since: first, strict: true, ...soon() }), (e) => e instanceof RequestError && e.code === "unrecoverable");
  const gaps: Gap[] = [];
  const feed = await c.subscribe(channel, { since: first, onGap: (g) => gaps.push(g), ...soon() });
  await c.publish(channel, "new", soon());
  assert.equal((await feed.next(soon())).data, "new");
  assert.deepEqual(gaps.map((g) => [g.reason, g.after]), [["trimmed", first.offset]]);
});

test("reads history page by page, in both directions", async () => {
  const [c, channel] = [client("ana"), fresh()];
  for (let n = 0; n < 25; n++) await c.publish(channel, n, soon());
  const read = async (reverse: boolean) => {
    const all = [];
    for await (const m of c.history(channel, { page: 10, reverse, ...soon() })) all.push(m.data);
    return all;
  };
  const want = Array.from({ length: 25 }, (_, n) => n);
  assert.deepEqual(await read(false), want);
  assert.deepEqual(await read(true), want.reverse());
});

test("tells who is there, who comes and who goes", async () => {
  const [a, b, channel] = [client("ana"), client("bob"), fresh()];
  const events: PresenceEvent[] = [];
  const feed = await a.subscribe(channel, { onPresence: (e) => events.push(e), ...soon() });
  await b.subscribe(channel, soon());
  const there = await a.presence(channel, soon());
  assert.deepEqual([there.count, there.members?.map((m) => m.user).sort()], [2, ["ana", "bob"]]);
  await b.publish(channel, "x", soon());
  await feed.next(soon());
  while (!events.some((e) => e.kind === "join" && e.member.user === "bob")) await feed.next({ signal: AbortSignal.timeout(200) }).catch(() => {});
  assert.equal(events[0]!.kind, "anew");
});

test("hears what the gateway subscribes it to, over connections", async () => {
  const given: Feed[] = [];
  const states = new States();
  const c = client("ana", { onFeed: (f) => given.push(f), onState: states.take });
  await states.reach("connected");
  assert.deepEqual(given.map((f) => f.channel), ["room:chosen"]);
  const value = `chosen ${process.pid}`;
  await c.publish("room:chosen", value, soon());
  await cut();
  const other = client("bob");
  await other.publish("room:chosen", value + " again", soon());
  const heard: unknown[] = [];
  while (heard.length < 2) {
    const { data } = await given[0]!.next(soon());
    if (String(data).startsWith(value)) heard.push(data);
  }
  assert.deepEqual(heard, [value, value + " again"]);
  assert.equal(given.length, 1);
  await assert.rejects(c.subscribe("room:chosen", soon()), (e) => e instanceof RequestError && e.code === "already_subscribed");
});

test("a gateway that drains is left for the next one, where the numbering is another", async () => {
  const [channel, gaps] = [fresh(), [] as Gap[]];
  const states = new States();
  const c = client("ana", { onState: states.take });
  const feed = await c.subscribe(channel, { onGap: (g) => gaps.push(g), ...soon() });
  await c.publish(channel, 1, soon());
  assert.equal((await feed.next(soon())).data, 1);
  await control("/replace");
  const { error } = await states.reach("waiting");
  assert.ok(error instanceof CloseError && error.code === 4000 && error.reason === "draining", String(error));
  await c.publish(channel, 2, soon());
  const m = await feed.next(soon()).catch((e) => e as Error);
  // The publication may have come through before the feed continued: it is told as a gap then.
  if (!(m instanceof Error)) assert.equal(m.data, 2);
  assert.deepEqual(gaps.map((g) => g.reason), ["epoch"]);
});

test("a credential that ends is refreshed on the connection that there is", async () => {
  const states = new States();
  const c = client("ana", { onState: states.take, token: () => token("ana", "&seconds=4"), renew: () => token("ana") });
  const { welcome } = await states.reach("connected");
  const left = welcome.expires! - Date.now();
  await new Promise((go) => setTimeout(go, left + 500));
  await c.ping(soon());
  assert.deepEqual(states.all.map((s) => s.phase), ["connecting", "connected"]);
});

test("a revoked user comes back with a new credential alone", async () => {
  const states = new States();
  let renewed = 0;
  client("eve", { onState: states.take, renew: () => (renewed++, token("eve")) });
  await states.reach("connected");
  await new Promise((go) => setTimeout(go, 1100)); // a token of the same second is revoked with those before
  await control("/admin/v1/tenants/acme/revocations", "POST", JSON.stringify({ kind: "user", value: "eve" }));
  const { error } = await states.reach("waiting");
  assert.ok(error instanceof CloseError && error.code === 4201 && error.advice === "renew", String(error));
  await states.reach("connected", (s) => states.all.indexOf(s) > 2);
  assert.ok(renewed > 0);
});

test("many subscriptions are made, and made anew, as the tenant's rate allows", async () => {
  const states = new States();
  const c = client("ana", { onState: states.take });
  const channels = Array.from({ length: 90 }, () => fresh());
  const feeds = await Promise.all(channels.map((channel) => c.subscribe(channel, soon())));
  await cut();
  await states.reach("waiting");
  const other = client("bob");
  await Promise.all(channels.map((channel) => other.publish(channel, channel, soon())));
  for (const f of feeds) assert.equal((await f.next(soon())).data, f.channel);
});

test("what is refused says why, and the connection stays", async () => {
  const states = new States();
  const c = client("ana", { onState: states.take });
  const { welcome } = await states.reach("connected");
  const refused = (code: string) => (e: unknown) => e instanceof RequestError && e.code === code;
  await assert.rejects(c.subscribe("ops:1", soon()), refused("forbidden"));
  await assert.rejects(c.publish("ops:1", 1, soon()), refused("forbidden"));
  await assert.rejects(c.publish("no channel", 1, soon()), refused("bad_channel"));
  await assert.rejects(c.publish("room:1", "x".repeat(welcome.limits.message_size!), soon()), refused("too_large"));
  await assert.rejects(c.presence("bare:1", soon()), refused("not_available"));
  await assert.rejects(c.history("bare:1", soon())[Symbol.asyncIterator]().next(), refused("not_available"));
  assert.deepEqual((await c.publish("bare:1", 1, soon())).position, undefined);
  assert.equal(states.all.length, 2);
});

test("a channel that was left is heard no more, and can be subscribed to again", async () => {
  const [c, channel] = [client("ana"), fresh()];
  const feed = await c.subscribe(channel, soon());
  await c.publish(channel, 1, soon());
  const left = feed.unsubscribe(soon());
  await assert.rejects(feed.next(), UnsubscribedError);
  const again = await c.subscribe(channel, soon());
  await left;
  await c.publish(channel, 2, soon());
  assert.equal((await again.next(soon())).data, 2);
  const rest = [];
  for await (const m of feed) rest.push(m);
  assert.deepEqual(rest, []);
});

test("a text that is encrypted end to end goes out as what it is, and for its own channel alone", async () => {
  const [c, channel] = [client("ana"), fresh()];
  const feed = await c.subscribe(channel, soon());
  const header = { alg: "dir", enc: "A256GCM", kid: "A".repeat(43), tenant: "acme", channel, cty: "JWS" };
  const text = `${Buffer.from(JSON.stringify(header)).toString("base64url")}..${"A".repeat(16)}.c2VhbGVk.${"A".repeat(22)}`;
  await c.publish(channel, sealed(text), soon());
  const m = await feed.next(soon());
  assert.deepEqual([m.data, m.encryption], [text, "jwe"]);
  await assert.rejects(c.publish(fresh(), sealed(text), soon()), (e) => e instanceof RequestError && e.code === "bad_request");
});

for (const at of ["connected", "connecting", "waiting"]) {
  test(`after close a process ends by itself: ${at}`, async () => {
    const ends = fileURLToPath(new URL("ends.js", import.meta.url));
    const began = Date.now();
    const { status, stderr, stdout } = spawnSync(process.execPath, [...process.execArgv.filter((flag) => !flag.startsWith("--test")), ends, at, url, await token("ana")], { timeout: 20_000, encoding: "utf8" });
    assert.equal(status, 0, stderr + stdout);
    assert.ok(Date.now() - began < 10_000, `it took ${Date.now() - began} ms`);
  });
}
