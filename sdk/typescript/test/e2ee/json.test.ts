import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, lp, utf8 } from "../../src/e2ee/bytes.js";
import { readObject } from "../../src/e2ee/json.js";

const objects: [name: string, json: string | Uint8Array, want: unknown][] = [
  ["an object", '{"a":1,"b":[true,null,"x"],"c":{"a":2}}', { a: 1, b: [true, null, "x"], c: { a: 2 } }],
  ["white space", ' {\n"a" :\t1 } ', { a: 1 }],
  ["brackets and quotes in a text", '{"a":"{\\"a\\":[","b":"\\\\"}', { a: '{"a":[', b: "\\" }],
  ["one name in two objects", '{"a":{"x":1},"b":{"x":1}}', { a: { x: 1 }, b: { x: 1 } }],
  ["a text that is the name of a member", '{"a":"a","b":"a"}', { a: "a", b: "a" }],
  ["a whole surrogate pair", '{"a":"\\ud83d\\ude00"}', { a: "😀" }],
  ["a member that an object has by nature", '{"toString":1}', { toString: 1 }],
  ["a member twice", '{"a":1,"a":1}', undefined],
  ["a member twice, spelt in two ways", '{"a":1,"\\u0061":2}', undefined],
  ["a member twice, further down", '{"a":[{"b":1,"b":1}]}', undefined],
  ["a member twice, with an object between", '{"a":{"b":1},"a":2}', undefined],
  ["half a surrogate pair", '{"a":"\\ud800"}', undefined],
  ["half a surrogate pair in a name", '{"\\udc00":1}', undefined],
  ["no UTF-8", Uint8Array.from([...utf8('{"a":"'), 0xff, ...utf8('"}')]), undefined],
  ["a byte order mark", '\ufeff{"a":1}', undefined],
  ["something behind it", '{"a":1}{}', undefined],
  ["a comment", '{"a":1/**/}', undefined],
  ["a list", "[1]", undefined],
  ["a text", '"a"', undefined],
  ["null", "null", undefined],
  ["nothing", "", undefined],
  ["17 deep", '{"a":' + "[".repeat(16) + "]".repeat(16) + "}", undefined],
];

for (const [name, json, want] of objects) {
  test(`an object of JSON: ${name}`, () => assert.deepEqual(readObject(new Uint8Array(typeof json === "string" ? utf8(json) : json)), want));
}

for (const number of ["1.0", "1e0", "-0", "-1", "10E-1", "0.5"]) {
  test(`a number that is not digits alone is read as none: ${number}`, () => {
    assert.deepEqual(readObject(utf8(`{"a":"x","b":${number},"c":[1.5]}`)), { a: "x", b: NaN, c: [1.5] });
  });
}

const spellings: [name: string, text: string, want: number[] | undefined][] = [
  ["nothing", "", []],
  ["one byte", "_w", [255]],
  ["two bytes", "AAE", [0, 1]],
  ["three bytes", "-_-_", [251, 255, 191]],
  ["spare bits behind one byte", "_x", undefined],
  ["spare bits behind two bytes", "AAF", undefined],
  ["padding", "_w==", undefined],
  ["the other alphabet", "+/+/", undefined],
  ["a line end", "AAE\n", undefined],
  ["a space in it", "AA E", undefined],
  ["a length that no bytes have", "AAAAA", undefined],
  ["a letter of another script", "ÀAAA", undefined],
];

for (const [name, text, want] of spellings) {
  test(`base64url: ${name}`, () => assert.deepEqual(decode(text), want && Uint8Array.from(want)));
}

test("base64url of every length comes back, and of another length than the asked one does not", () => {
  for (let length = 0; length < 100; length++) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    assert.deepEqual(decode(encode(bytes), length), bytes);
    assert.equal(decode(encode(bytes), length + 1), undefined);
    assert.equal(encode(bytes), Buffer.from(bytes).toString("base64url"));
  }
});

test("fields with their lengths in front are the same bytes for no two lists", () => {
  assert.deepEqual(lp("é", ""), Uint8Array.from([0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0, 0]));
  assert.notDeepEqual(lp("ab", "c"), lp("a", "bc"));
});
