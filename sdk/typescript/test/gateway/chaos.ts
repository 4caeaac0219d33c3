// Connections are cut at random while publishers, whose connections are cut too, say numbers. In the end every client has every message once and in order,
// or was told which it has not; and every publication is there once. PORTCULLIS_SEED repeats the cuts; PORTCULLIS_LONG has it take half a minute.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Client, type Feed, type Gap, type Message, UncertainError } from "../../src/index.js";
import { client, closeAll, control } from "./gateway.js";

const long = process.env["PORTCULLIS_LONG"] === "1";
const [readers, length] = [200, long ? 30_000 : 3_000];
const channels = ["room:1", "room:2", "brief:1"];
const seed = Number(process.env["PORTCULLIS_SEED"] ?? Date.now() % 2 ** 31);

after(closeAll);

/** A generator of chance (mulberry32): the same cuts for the same seed. */
function dice(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What one reader got of one channel. Whatever stands up to at was delivered, or told not to be. */
class Heard {
  readonly offsets: number[] = [];
  readonly gaps: Gap[] = [];
  at = 0;
  constructor(readonly name: string) {}

  gap = (g: Gap) => {
    assert.ok(g.before > this.at, `${this.name}: gap ${JSON.stringify(g)} at ${this.at}`);
    this.gaps.push(g);
    this.at = g.before - 1;
  };

  message(m: Message): void {
    const { offset } = m.position!;
    assert.ok(offset > this.at, `${this.name}: offset ${offset} at ${this.at}`);
    this.offsets.push(offset);
    this.at = offset;
  }

  async read(feed: Feed): Promise<void> {
    for await (const m of feed) {
      this.message(m);
      if (m.data === "end") return;
    }
  }

  /** Wants all of what was published since the feed began to be there, but for what a gap told. */
  check(said: Map<number, unknown>): void {
    const got = new Set(this.offsets);
    const told = (n: number) => this.gaps.some((g) => g.after < n && n < g.before);
    for (const offset of said.keys()) assert.ok(got.has(offset) || told(offset), `${this.name}: ${offset} is missing and was not told`);
  }
}

/** What one publisher said, by its place. What is uncertain may stand there once, or not. */
class Said {
  readonly certain = new Map<number, unknown>();
  readonly uncertain = new Set<unknown>();
  /** Publications whose first answer was lost. */
  repeated = 0;
  over = false;

  async publish(c: Client, channel: string): Promise<void> {
    for (let n = 1; !this.over; n++) {
      try {
        const { position, duplicate } = await c.publish(channel, n);
        this.certain.set(position!.offset, n);
        if (duplicate) this.repeated++;
      } catch (error) {
        if (!(error instanceof UncertainError)) throw error;
        this.uncertain.add(n);
      }
      await new Promise((go) => setTimeout(go, length / 1000));
    }
  }
}

test(`PORTCULLIS_SEED=${seed}`, { timeout: length + 180_000 }, async (t) => {
  const chance = dice(seed);
  const heard = channels.map(() => [] as Heard[]);
  const reading: Promise<void>[] = [];
  await Promise.all(
    Array.from({ length: readers }, async (_, i) => {
      const c = client(`reader${i}`, { way: i % 2 ? "ticket" : "subprotocol" });
      for (const [k, channel] of channels.entries()) {
        const h = new Heard(`reader ${i} on ${channel}`);
        heard[k]!.push(h);
        reading.push(h.read(await c.subscribe(channel, { onGap: h.gap })));
      }
    }),
  );
  const said = channels.map(() => new Said());
  const publishing = said.map((s, k) => s.publish(client(`publisher${k}`), channels[k]!));
  let cuts = 0;
  const gapped = () => heard[2]!.some((h) => h.gaps.length > 0);
  // On a machine that is slow it takes longer until the cuts show something.
  for (const end = Date.now() + length; Date.now() < end || cuts < 2 * readers || !gapped(); ) {
    await new Promise((go) => setTimeout(go, chance() * 200));
    cuts += Number(await control(`/cut?one_in=6&seed=${Math.floor(chance() * 2 ** 31)}`));
  }
  for (const s of said) s.over = true;
  await Promise.all(publishing);
  const witness = client("witness");
  const stored: Map<number, unknown>[] = [];
  for (const [k, channel] of channels.entries()) {
    said[k]!.certain.set((await witness.publish(channel, "end")).position!.offset, "end");
    const all = new Map<number, unknown>();
    for await (const m of witness.history(channel)) all.set(m.position!.offset, m.data);
    stored.push(all);
  }
  await Promise.all(reading);
  let [messages, gaps] = [0, 0];
  for (const [k, channel] of channels.entries()) {
    const { certain, uncertain } = said[k]!;
    for (const h of heard[k]!) {
      h.check(certain);
      messages += h.offsets.length;
      gaps += h.gaps.length;
      if (channel !== "brief:1") assert.deepEqual(h.gaps, [], h.name);
    }
    if (channel === "brief:1") continue;
    assert.deepEqual([...stored[k]!].filter(([, value]) => !uncertain.has(value)), [...certain], `${channel}: what is stored is not what was published, once each`);
    assert.equal(new Set(stored[k]!.values()).size, stored[k]!.size, `${channel}: something is stored twice`);
  }
  t.diagnostic(`chaos: ${cuts} cuts of ${readers} readers, ${messages} messages were read, ${gaps} gaps told, ${said.reduce((n, s) => n + s.repeated, 0)} publications repeated`);
});
