import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { Identity, Issuer } from "../../src/e2ee/index.js";
import { Authority, Clock, refused } from "./world.js";

interface Scene {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly issuer: Issuer;
  /** An assertion whose key has this id. */
  assertion(kid?: string): Promise<string>;
  asked(): number;
}

/** An issuer whose key set stands on a server of this machine. */
async function scene(t: TestContext, answer: (authority: Authority) => RequestListener): Promise<Scene> {
  const clock = new Clock();
  const authority = await Authority.make(clock);
  let asked = 0;
  const listener = answer(authority);
  const server = createServer((request, response) => {
    asked++;
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const issuer = new Issuer({ issuer: authority.name, tenant: "acme", keys: `http://127.0.0.1:${port}/jwks`, now: clock.read });
  const { keys } = await Identity.generate();
  return { authority, clock, issuer, assertion: (kid = "k1") => authority.assert({ sub: "ben", keys }, { kid }), asked: () => asked };
}

const serve = (authority: Authority): RequestListener => (_, response) => response.end(JSON.stringify(authority.keys));

test("the issuer's keys are asked for once, and again after an hour", async (t) => {
  const { clock, issuer, assertion, asked } = await scene(t, serve);
  const text = await assertion();
  await Promise.all([issuer.verify(text), issuer.verify(text), issuer.verify(text)]);
  assert.equal(asked(), 1, "three at once");
  clock.pass(3599);
  await issuer.verify(text);
  assert.equal(asked(), 1, "within the hour");
  clock.pass(1);
  await issuer.verify(text);
  assert.equal(asked(), 2, "after the hour");
});

test("a stranger's unknown key ids make nobody ask the issuer more than once a minute", async (t) => {
  const { clock, issuer, assertion, asked } = await scene(t, serve);
  await issuer.verify(await assertion());
  for (const kid of ["x", "y", "z"]) assert.match((await refused(issuer.verify(await assertion(kid)), "assertion")).message, /no key of the issuer/);
  assert.equal(asked(), 1, "within the minute");
  clock.pass(60);
  for (const kid of ["x", "y", "z"]) await refused(issuer.verify(await assertion(kid)), "assertion");
  assert.equal(asked(), 2, "after the minute");
});

test("a key that the issuer has begun to use is found", async (t) => {
  let kid = "k0";
  const { clock, issuer, assertion } = await scene(t, ({ keys }) => (_, response) => response.end(JSON.stringify({ keys: [{ ...keys.keys[0], kid }] })));
  await refused(issuer.verify(await assertion("k1")), "assertion");
  kid = "k1";
  clock.pass(60);
  assert.equal((await issuer.verify(await assertion("k1"))).user, "ben");
});

test("an assertion of a stranger does not make anybody ask the issuer", async (t) => {
  const { authority, issuer, asked } = await scene(t, serve);
  await refused(issuer.verify(await authority.assert({ iss: "https://other.example" })), "assertion");
  await refused(issuer.verify(await authority.assert({ tenant: "umbrella" })), "tenant");
  await refused(issuer.verify(await authority.assert({ sub: "ben", exp: 1, iat: 0 })), "expired");
  assert.equal(asked(), 0);
});

test("a key set that cannot be had makes nobody a member, and is asked for again in 5 s", async (t) => {
  let broken = true;
  const { clock, issuer, assertion, asked } = await scene(t, (authority) => (request, response) => {
    if (broken) response.writeHead(503).end();
    else serve(authority)(request, response);
  });
  const text = await assertion();
  const error = await refused(issuer.verify(text), "assertion");
  assert.match(error.message, /503/);
  broken = false;
  await refused(issuer.verify(text), "assertion");
  assert.equal(asked(), 1, "at once");
  clock.pass(5);
  assert.equal((await issuer.verify(text)).user, "ben");
});

const answers: [name: string, answer: (authority: Authority) => RequestListener][] = [
  ["larger than 256 KiB", (authority) => (_, response) => response.end(JSON.stringify({ ...authority.keys, more: "x".repeat(256 << 10) }))],
  ["no JSON", () => (_, response) => response.end("<html>")],
  ["no key set", () => (_, response) => response.end("{}")],
  ["keys twice", (authority) => (_, response) => response.end(JSON.stringify(authority.keys).replace("{", '{"keys":[],'))],
  ["a redirect", (authority) => (request, response) =>
    request.url === "/jwks" ? response.writeHead(302, { location: "/other" }).end() : serve(authority)(request, response)],
  ["nothing", () => (_, response) => response.destroy()],
];

for (const [name, answer] of answers) {
  test(`an issuer that answers with ${name} vouches for nobody`, async (t) => {
    const { issuer, assertion } = await scene(t, answer);
    await refused(issuer.verify(await assertion()), "assertion");
  });
}

test("an issuer that does not answer is waited for no longer than 10 s", async (t) => {
  const patience: number[] = [];
  t.mock.method(AbortSignal, "timeout", (ms: number) => {
    patience.push(ms);
    return AbortSignal.abort(new DOMException("late", "TimeoutError"));
  });
  const { issuer, assertion } = await scene(t, () => () => undefined);
  await refused(issuer.verify(await assertion()), "assertion");
  assert.deepEqual(patience, [10_000]);
});

const addresses: [address: string, taken: boolean][] = [
  ["https://id.acme.example/jwks", true],
  ["http://localhost:8080/jwks", true],
  ["http://127.0.0.1/jwks", true],
  ["http://127.9.9.9/jwks", true],
  ["http://[::1]:1/jwks", true],
  ["http://id.acme.example/jwks", false],
  ["http://127.0.0.1.example/jwks", false],
  ["http://localhost.example/jwks", false],
  ["http://10.0.0.1/jwks", false],
  ["data:application/json,{}", false],
  ["/jwks", false],
  ["", false],
];

for (const [address, taken] of addresses) {
  test(`a key set from ${address} is ${taken ? "taken" : "refused"}`, async () => {
    const make = () => new Issuer({ issuer: "i", tenant: "acme", keys: address });
    if (taken) make();
    else await refused(make, "assertion");
  });
}
