// A stage for one client: a clock that moves when it is told to, sockets whose other end the test plays, and a place that gives tickets.
import type { TestContext } from "node:test";
import { type Client, type Config, connect, type State, type WebSocketLike } from "../src/index.js";

/** Lets everything happen that needs no time. */
export const settle = () => new Promise<void>((go) => setImmediate(go));

/** Timers and times of this test alone. */
export class Clock {
  /** Timers ring at multiples of so many milliseconds, as those of a hidden tab. */
  grain = 1;
  #now = Date.UTC(2026, 0, 1);
  readonly #timers = new Map<number, { at: number; ring: () => void }>();
  #last = 0;

  constructor(t: TestContext) {
    const set = (ring: () => void, ms = 0) => {
      if (ms > 2 ** 31 - 1) throw new Error(`a timer of ${ms} ms would ring at once`);
      this.#timers.set(++this.#last, { at: this.#now + ms, ring });
      return this.#last;
    };
    t.mock.method(globalThis, "setTimeout", set as unknown as typeof setTimeout);
    t.mock.method(globalThis, "clearTimeout", ((id: number) => this.#timers.delete(id)) as unknown as typeof clearTimeout);
    t.mock.method(Date, "now", () => this.#now);
    t.mock.method(performance, "now", () => this.#now - Date.UTC(2026, 0, 1));
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass, and what happens meanwhile. */
  async pass(ms: number): Promise<void> {
    await settle();
    for (const end = this.#now + ms; ; ) {
      const rings = [...this.#timers].map(([id, { at }]) => ({ id, at: Math.max(Math.ceil(at / this.grain) * this.grain, this.#now) }));
      const next = rings.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      this.#now = next?.at ?? end;
      if (!next) return settle();
      const { ring } = this.#timers.get(next.id)!;
      this.#timers.delete(next.id);
      ring();
      await settle();
    }
  }

  /** The machine sleeps: time passes, and no timer rings. */
  sleep(ms: number): void {
    this.#now += ms;
  }
}

type Said = { type: string; id: number; [member: string]: unknown };

/** A socket whose other end the test plays. */
export class FakeSocket implements WebSocketLike {
  protocol = "";
  readyState = 0;
  onopen: ((event: any) => void) | null = null;
  onmessage: ((event: any) => void) | null = null;
  onerror: ((event: any) => void) | null = null;
  onclose: ((event: any) => void) | null = null;
  /** What the client sent, frame by frame. */
  readonly frames: string[] = [];
  /** Of the requests in them, how many were answered. */
  #answered = 0;
  /** The gateway answers a goodbye. */
  polite = true;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(text: string): void {
    this.frames.push(text);
  }

  close(): void {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    if (this.polite) queueMicrotask(() => this.end(1000));
  }

  /** Everything that the client asked. */
  get asked(): Said[] {
    return this.frames.flatMap((text) => text.split("\n")).map((text) => JSON.parse(text) as Said);
  }

  open(protocol = this.protocols[0]!): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.({});
  }

  say(frame: unknown): void {
    this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  /** Answers the oldest request that was not answered, and returns it. */
  answer(members: object = {}): Said {
    const asked = this.asked[this.#answered];
    if (!asked) throw new Error("nothing was asked that was not answered");
    this.#answered++;
    this.say({ type: "ok", id: asked.id, ...members });
    return asked;
  }

  /** Answers it with an error. */
  refuse(code: string, retry_ms?: number): Said {
    return this.answer({ type: "error", code, message: "no", ...(retry_ms && { retry_ms }) });
  }

  /** What was asked and not answered. */
  get unanswered(): Said[] {
    return this.asked.slice(this.#answered);
  }

  /** The handshake fails as in Node.js: with an error, and nothing behind it. */
  fail(message = ""): void {
    this.readyState = 2;
    this.onerror?.({ message });
  }

  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

export const hello = { type: "welcome", connection: "c_1", tenant: "acme", user: "ana", node: "n1", ping_ms: 25_000, limits: { message_size: 65_536 } };

/** A client, and all that it meets. */
export class Stage {
  readonly clock: Clock;
  readonly sockets: FakeSocket[] = [];
  readonly states: State[] = [];
  /** Requests for tickets. */
  readonly requests: { url: string; init: RequestInit }[] = [];
  /** Answers them. */
  tickets: () => Promise<Response> = async () => Response.json({ ticket: "t1cket" }, { status: 201 });
  readonly client: Client;

  constructor(t: TestContext, more: Partial<Config> = {}) {
    this.clock = new Clock(t);
    t.mock.method(Math, "random", () => 1); // pauses are as long as they may be
    const { sockets, requests } = this;
    const socket = class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
    this.client = connect({
      url: "wss://edge.example.com",
      token: () => "t0ken",
      WebSocket: socket,
      fetch: (url, init) => {
        requests.push({ url: String(url), init: init ?? {} });
        return this.tickets();
      },
      onState: (s) => this.states.push(s),
      ...more,
    });
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    const newest = this.sockets.at(-1);
    if (!newest) throw new Error("no socket was made");
    return newest;
  }

  /** The gateway lets the client in. */
  async meet(more: object = {}): Promise<FakeSocket> {
    await settle();
    this.socket.open();
    this.socket.say({ ...hello, ...more });
    await settle();
    return this.socket;
  }

  get phases(): string {
    return this.states.map((s) => s.phase).join(" ");
  }
}

/** What a promise is rejected with, "nothing yet" while it is not. */
export function verdict(p: Promise<unknown>): () => unknown {
  let got: unknown = "nothing yet";
  p.then(
    (value) => (got = value),
    (error: unknown) => (got = error),
  );
  return () => got;
}
