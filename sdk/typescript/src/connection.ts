import { CloseError, ClosedError, lost, ProtocolError, RequestError } from "./errors.js";
import { isFrame } from "./shape.js";
import type { WebSocketLike } from "./socket.js";
import { Alarm, sleep } from "./time.js";
import { greeting, type Welcome } from "./welcome.js";
import { bytes, type Frame, type Request, spell, subprotocol } from "./wire.js";

/** Who hears what the gateway says unasked, frame by frame. */
export interface Listener {
  /** The welcome came, before anything else. */
  welcomed(connection: Connection): void;
  /** A frame that is no answer came; size is its length in characters. */
  heard(f: Frame, size: number): void;
}

/** How long the gateway may be silent beyond its pings, which scripts cannot see, before it is asked; and how long it may take for each of two answers. */
const slack = 10_000;
const answerBy = 5_000;
/** How long the end of a connection waits for the gateway's last word. */
const goodbyeBy = 2_000;

/** The longest text that is taken, in characters; a gateway sends no tenth of it at once. */
const longestFrame = 8 * 2 ** 20;

const types = ["message", "ok", "error", "subscribed", "unsubscribed", "gap", "join", "leave", "join_leave", "expiring"];

/** One connection, from the handshake to its end. */
export class Connection {
  /** Whether the handshake came through. */
  opened = false;
  /** What the gateway said first. It is set before the listener hears of the connection. */
  welcome!: Welcome;
  /** Why it ended. The first reason counts. */
  error: Error | undefined;
  /** Resolves with the welcome, and rejects with the end where there was none. */
  readonly met: Promise<void>;
  /** Resolves with why it ended. */
  readonly over: Promise<Error>;

  readonly #socket: WebSocketLike;
  readonly #listener: Listener;
  readonly #calls = new Map<number, (answer: Frame | undefined) => void>();
  readonly #silence = new Alarm();
  #meet!: (error?: Error) => void;
  #finish!: (error: Error) => void;
  #closed = false;
  #lastId = 0;
  #heardAt = 0;
  #asked = 0; // pings since then

  constructor(socket: WebSocketLike, listener: Listener) {
    this.#socket = socket;
    this.#listener = listener;
    this.met = new Promise((resolve, reject) => (this.#meet = (error) => (error ? reject(error) : resolve())));
    this.over = new Promise((resolve) => (this.#finish = resolve));
    socket.onopen = () => this.#open();
    socket.onmessage = (event) => this.#hear(event.data);
    // Where the handshake failed not every runtime says close behind its error.
    socket.onerror = (event) => {
      if (this.opened) return;
      this.#closed = true;
      this.fail(new CloseError(lost, event?.message || "the handshake failed; a browser does not say why, but its console may, and the tenant's origins must have this page's"));
    };
    socket.onclose = (event) => {
      this.#closed = true;
      this.fail(ending(event.code, event.reason));
    };
  }

  /** Lets the connection end for a reason. Nothing of it is heard any more. */
  fail(error: Error): void {
    if (this.error) return;
    this.error = error;
    this.#silence.stop();
    this.#socket.onmessage = null;
    for (const answered of this.#calls.values()) answered(undefined);
    this.#meet(error);
    this.#finish(error);
  }

  /** Says goodbye and lets go of the socket. Returns when it has closed, after two seconds at the latest. */
  async release(): Promise<void> {
    this.fail(new ClosedError());
    const socket = this.#socket;
    const patience = new AbortController();
    const gone = () => {
      this.#closed = true;
      patience.abort();
    };
    socket.onopen = socket.onmessage = null;
    socket.onclose = gone;
    socket.onerror = () => this.opened || gone(); // it is never null: ws throws an error that nobody hears
    if (!this.#closed && socket.readyState !== 3) {
      socket.close(1000);
      await sleep(goodbyeBy, patience.signal);
      if (!this.#closed) socket.terminate?.();
    }
    socket.onclose = null;
  }

  /**
   * Sends a request and returns its answer, undefined when the connection ended before; rejects with the signal's reason when that ends before. What it
   * throws, instead of a promise, means that nothing was sent.
   */
  send(r: Request, signal?: AbortSignal): Promise<Frame | undefined> {
    signal?.throwIfAborted();
    if (this.error) throw this.error;
    let answered!: (answer: Frame | undefined) => void;
    let stop!: () => void;
    const { id, text } = this.prepare(r, (answer) => answered(answer));
    const answer = new Promise<Frame | undefined>((resolve, reject) => {
      answered = (f) => {
        signal?.removeEventListener("abort", stop);
        resolve(f);
      };
      stop = () => {
        this.#calls.delete(id);
        signal!.removeEventListener("abort", stop);
        reject(signal!.reason);
      };
    });
    signal?.addEventListener("abort", stop);
    this.transmit(text);
    return answer;
  }

  /** Makes a place for the answer of a request, which is heard before anything behind it, and writes the request as text. */
  prepare(r: Request, answered: (answer: Frame | undefined) => void): { id: number; text: string } {
    const id = ++this.#lastId;
    const text = spell(id, r);
    const most = this.welcome.limits.message_size ?? Infinity;
    if (text.length * 3 > most) {
      const size = bytes(text);
      if (size > most) throw new RequestError("too_large", `the request has ${size} bytes, and message_size of this tenant is ${most}`);
    }
    this.#calls.set(id, answered);
    return { id, text };
  }

  transmit(text: string): void {
    this.#socket.send(text);
  }

  #open(): void {
    this.opened = true;
    const { protocol } = this.#socket;
    if (protocol !== subprotocol) {
      this.fail(new Error(`the server answered subprotocol "${protocol}", not ${subprotocol}: it is no Portcullis gateway, or something on the way drops headers`));
    }
  }

  #hear(text: unknown): void {
    this.#heardAt = performance.now();
    this.#asked = 0;
    // Whatever a gateway says, no error of it leaves this handler: in Node.js it would end the process.
    try {
      this.#take(text as string);
    } catch (cause) {
      this.fail(new ProtocolError(`the server broke the protocol ${subprotocol}: ${(cause as Error).message}`, { cause }));
    }
  }

  #take(text: string): void {
    if (text.length > longestFrame) throw new TypeError(`a frame of ${text.length} characters, of which ${longestFrame} are the most that are taken`);
    const f: unknown = JSON.parse(text);
    if (!isFrame(f)) throw new TypeError("a frame without a member that it must have, or with one of another type");
    if (!this.welcome) return this.#greet(f);
    if (f.type === "ok" || f.type === "error") {
      const answered = this.#calls.get(f.id!);
      this.#calls.delete(f.id!);
      answered?.(f);
    } else if (types.includes(f.type)) this.#listener.heard(f, text.length); // others are for newer clients
  }

  #greet(f: Frame): void {
    const welcome = greeting(f);
    if (!welcome) return this.fail(new Error("the server said something else than a welcome first: it is no Portcullis gateway"));
    this.welcome = welcome;
    this.#watch();
    this.#listener.welcomed(this);
    this.#meet();
  }

  /** Notices a gateway that is gone without a word. A machine that wakes up finds that time has passed, and what came not read yet: hence two pings. */
  #watch(): void {
    if (!this.welcome.pingMs || this.error) return;
    const left = this.welcome.pingMs + slack - (performance.now() - this.#heardAt);
    if (left > 0) {
      this.#silence.set(left, () => this.#watch());
    } else if (this.#asked < 2) {
      this.#asked++;
      this.transmit(this.prepare({ type: "ping" }, () => {}).text);
      this.#silence.set(answerBy, () => this.#watch());
    } else {
      this.fail(new CloseError(lost, `nothing was heard for ${Math.round((performance.now() - this.#heardAt) / 1000)} s`));
    }
  }
}

/** Reads the gateway's reason, {"code":"draining","retry_ms":8000}. Somebody else's stays as it is. */
function ending(code: number, reason: string): CloseError {
  try {
    const said = JSON.parse(reason) as { code?: unknown; retry_ms?: unknown };
    if (typeof said.code === "string") return new CloseError(code, said.code, Math.max(Number(said.retry_ms) || 0, 0));
  } catch {
    // it is text
  }
  return new CloseError(code, reason);
}
