import assert from "node:assert/strict";
import { test } from "node:test";
import { CloseError, RefusedError, type Advice } from "../src/index.js";

const closes: [name: string, code: number, advice: Advice][] = [
  ["the gateway is being stopped", 4000, "reconnect"],
  ["another of its band", 4099, "reconnect"],
  ["read too slowly", 4101, "back off"],
  ["the token ended", 4200, "renew"],
  ["revoked", 4201, "renew"],
  ["no band of the gateway's", 4300, "stop"],
  ["frames that no client sends", 4500, "stop"],
  ["ended by the operator", 4505, "stop"],
  ["lost", 1006, "back off"],
  ["a proxy goes away", 1001, "back off"],
  ["a proxy failed", 1011, "back off"],
  ["a proxy restarts", 1012, "back off"],
  ["a proxy is busy", 1013, "back off"],
  ["a proxy lost the gateway", 1014, "back off"],
  ["somebody is done", 1000, "stop"],
  ["broke the protocol", 1002, "stop"],
  ["too large", 1009, "stop"],
];

for (const [name, code, advice] of closes) {
  test(`the advice of ${code}: ${name}`, () => assert.equal(new CloseError(code, "").advice, advice));
}

const refusals: [status: number, advice: Advice][] = [[401, "renew"], [403, "stop"], [404, "stop"], [429, "back off"], [500, "back off"], [503, "back off"]];

for (const [status, advice] of refusals) {
  test(`the advice of a refusal with ${status}`, () => assert.equal(new RefusedError(status, "", "", "", 0).advice, advice));
}

test("a refusal says what an operator finds it by", () => {
  const got = new RefusedError(401, "token_expired", "get a new one", "urn:x", 0).message;
  assert.equal(got, "the gateway refused: 401 token_expired: get a new one, instance urn:x");
});
