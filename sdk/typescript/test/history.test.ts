import assert from "node:assert/strict";
import { test } from "node:test";
import { type HistoryOptions, type Message, RequestError } from "../src/index.js";
import { settle, Stage } from "./stage.js";

const from = { user: "bob" };
const page = (...offsets: number[]) => ({ epoch: "x7", offset: offsets.at(-1), messages: offsets.map((offset) => ({ offset, time: 1, from, data: offset })) });

/** Reads a history in which the gateway answers with these pages, and returns what was read and what was asked. */
async function read(stage: Stage, options: HistoryOptions, pages: object[]): Promise<{ got: Message[]; asked: object[]; error: unknown }> {
  const socket = await stage.meet();
  const got: Message[] = [];
  const asked: object[] = [];
  let error: unknown;
  const reading = (async () => {
    for await (const m of stage.client.history("room:1", options)) got.push(m);
  })().catch((e: unknown) => (error = e));
  for (const one of pages) {
    await settle();
    const { id: _, ...request } = socket.answer(one);
    asked.push(request);
  }
  await reading;
  assert.equal(socket.unanswered.length, 0, "nothing more is asked");
  await stage.client.close();
  return { got, asked, error };
}

const first = { type: "history", channel: "room:1", reverse: false };

test("history is read page by page, each from where the one before ended, and without a gap", async (t) => {
  const { got, asked } = await read(new Stage(t), { page: 2 }, [{ ...page(1, 2), more: true }, { ...page(3, 5), more: true }, page(6)]);
  assert.deepEqual(got.map((m) => [m.data, m.position, m.from.user, m.channel]), [1, 2, 3, 5, 6].map((n) => [n, { offset: n, epoch: "x7" }, "bob", "room:1"]));
  const next = (offset: number) => ({ ...first, limit: 2, since: { offset, epoch: "x7" }, strict: true });
  assert.deepEqual(asked, [{ ...first, limit: 2 }, next(2), next(5)]);
});

test("history that was trimmed between two pages throws, behind what was read", async (t) => {
  const { got, error } = await read(new Stage(t), {}, [{ ...page(1, 2), more: true }, { type: "error", code: "unrecoverable", message: "trimmed" }]);
  assert.deepEqual(got.map((m) => m.data), [1, 2]);
  assert.ok(error instanceof RequestError && error.code === "unrecoverable", String(error));
});

test("history begins where it is told, and is read in reverse", async (t) => {
  const since = { offset: 9, epoch: "x7" };
  const { got, asked } = await read(new Stage(t), { since, reverse: true }, [page(8, 7)]);
  assert.deepEqual(got.map((m) => m.data), [8, 7]);
  assert.deepEqual(asked, [{ ...first, reverse: true, since, strict: true }]);
});

test("a page that says there is more and leads nowhere is the last", async (t) => {
  const { got } = await read(new Stage(t), {}, [{ ...page(1), more: true }, { ...page(), offset: 1, more: true }]);
  assert.deepEqual(got.map((m) => m.data), [1]);
});

test("who stops reading asks for nothing more", async (t) => {
  const stage = new Stage(t);
  const socket = await stage.meet();
  const reading = (async () => {
    for await (const m of stage.client.history("room:1")) if (m.data === 1) break;
  })();
  await settle();
  socket.answer({ ...page(1, 2), more: true });
  await reading;
  assert.equal(socket.unanswered.length, 0);
  await stage.client.close();
});
