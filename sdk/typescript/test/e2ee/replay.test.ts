import assert from "node:assert/strict";
import { test } from "node:test";
import { Read, Seen, Window } from "../../src/e2ee/replay.js";

const most = Number.MAX_SAFE_INTEGER;

const windows: [name: string, taken: number[], counter: number, want: boolean][] = [
  ["the first", [], 1, true],
  ["a first that is not 1", [], 1000, true],
  ["the next", [1], 2, true],
  ["the same again", [1], 1, false],
  ["one that was passed over", [1, 3], 2, true],
  ["one that was passed over, again", [1, 3, 2], 2, false],
  ["64 below the highest", [100], 36, true],
  ["64 below the highest, again", [36, 100], 36, false],
  ["65 below the highest", [100], 35, false],
  ["65 below the highest, and seen", [35, 100], 35, false],
  ["the highest after a leap of 64", [1, 65], 1, false],
  ["between, after a leap of 64", [1, 65], 2, true],
  ["just below after a leap of 65", [1, 66], 65, true],
  ["the last of the window after a leap of 65", [2, 66, 67], 3, true],
  ["out of the window by a small step", [2, 66, 67], 2, false],
  ["after a leap to the end", [1, most], most - 64, true],
  ["the end", [most - 1], most, true],
  ["the end again", [most], most, false],
  ["far below the end", [most], 1, false],
];

for (const [name, taken, counter, want] of windows) {
  test(`a window: ${name}`, () => {
    const window = new Window();
    for (const before of taken) assert.ok(window.take(before), `${before} was not taken`);
    assert.equal(window.take(counter), want);
  });
}

test("a window is what a list of all counters would be", () => {
  const seed = Number(process.env.PORTCULLIS_SEED ?? Math.floor(Math.random() * 2 ** 31));
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  const window = new Window();
  const taken = new Set<number>();
  let highest = 0;
  for (let i = 0; i < 20_000; i++) {
    const counter = Math.max(1, highest + random(150) - 100);
    const want = !taken.has(counter) && counter >= highest - 64;
    assert.equal(window.take(counter), want, `counter ${counter}, highest ${highest}, PORTCULLIS_SEED=${seed}`);
    if (want) taken.add(counter);
    highest = Math.max(highest, want ? counter : 0);
  }
});

test("a sender who begins session after session does not push an old one out", () => {
  const seen = new Seen();
  for (let i = 0; i < 1024; i++) assert.ok(seen.take("ben", `s${i}`, 1));
  assert.equal(seen.take("ben", "s1024", 1), false, "the 1,025th session");
  assert.equal(seen.take("ben", "s0", 1), false, "what the first session said, again");
  assert.ok(seen.take("ben", "s0", 2), "the first session goes on");
  assert.ok(seen.take("cid", "s1024", 1), "another sender's sessions are others");
});

test("a reading takes each message once, in any order, and 65,536 of them", () => {
  const read = new Read();
  for (let counter = 65_536; counter > 0; counter--) assert.ok(read.take("k", "ben", "s", counter));
  assert.equal(read.take("k", "ben", "s", 7), false, "one that was read");
  assert.equal(read.take("k", "ben", "s", 65_537), false, "one too many");
});
