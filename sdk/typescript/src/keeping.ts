import { Bell, bounded } from "./bell.js";
import type { Client } from "./client.js";
import { check, type Checked, type Config } from "./config.js";
import type { Connection, Listener } from "./connection.js";
import { dial } from "./dial.js";
import { type Advice, CloseError, ClosedError, ProtocolError, RefusedError } from "./errors.js";
import type { Feed, FeedOptions, Patience } from "./feed.js";
import { Feeds } from "./feeds.js";
import { type HistoryOptions, pages } from "./history.js";
import type { Presence } from "./presence.js";
import { carried, type Published, Publisher } from "./publish.js";
import { Refresher } from "./refresher.js";
import type { State } from "./state.js";
import { Pace, Tender } from "./tender.js";
import { sleep, spread } from "./time.js";
import { fault, type Frame, type Message, type Request } from "./wire.js";

/** Begins to connect, and returns at once: state and onState tell how it goes. It throws a TypeError for a config that can never go well. */
export function connect(config: Config): Client {
  return new Keeping(check(config));
}

/** Bounds one attempt, the call of token too. */
const attemptBy = 30_000;
/** How long a connection must have lasted for the pauses to begin anew: one that is ended at once again and again is a failure too. */
const settled = 10_000;

/** A client, and what keeps it connected. */
class Keeping implements Client, Listener {
  readonly #config: Checked;
  readonly #life = new AbortController();
  readonly #pace = new Pace();
  readonly #feeds: Feeds;
  readonly #publisher = new Publisher((signal) => this.#connected(signal));
  /** Rings when there is a connection, and when there will be none. */
  readonly #up = new Bell();
  #state: State = { phase: "connecting" };
  #error: Error | undefined;
  #connection: Connection | undefined; // it may have ended
  #tender: Tender | undefined;
  #refresher: Refresher | undefined;
  #metAt = 0;
  readonly ended: Promise<Error>;

  constructor(config: Checked) {
    this.#config = config;
    this.#feeds = new Feeds({
      longestPauseMs: config.longestPauseMs,
      onFeed: config.onFeed && ((feed) => safely(() => config.onFeed!(feed))),
      feedOptions: (channel) => safely(() => config.feedOptions?.(channel)) ?? {},
      ended: () => this.#error,
      connected: () => this.#connection !== undefined && !this.#connection.error,
      poke: () => this.#tender?.poke(),
    });
    this.ended = this.#run().then((error) => this.#stop(error));
  }

  get state(): State {
    return this.#state;
  }

  subscribe(channel: string, { signal, ...options }: FeedOptions & Patience = {}): Promise<Feed> {
    return this.#feeds.subscribe(channel, options, { signal });
  }

  publish(channel: string, data: unknown, { signal }: Patience = {}): Promise<Published> {
    return this.#publisher.publish(channel, data, signal);
  }

  async echo(channel: string, data: unknown, { signal }: Patience = {}): Promise<unknown> {
    return (await this.#ask({ type: "echo", channel, ...carried(data) }, signal)).data;
  }

  history(channel: string, options: HistoryOptions = {}): AsyncIterable<Message> {
    return pages((r) => this.#ask(r, options.signal), channel, options);
  }

  async presence(channel: string, { signal }: Patience = {}): Promise<Presence> {
    const { count = 0, members } = await this.#ask({ type: "presence", channel }, signal);
    return { count, ...(members && { members }) };
  }

  async ping({ signal }: Patience = {}): Promise<number> {
    return (await this.#ask({ type: "ping" }, signal)).time;
  }

  async close(): Promise<void> {
    this.#life.abort(new ClosedError());
    await this.ended;
  }

  /** Sends a request that may be sent twice, and sends it again where the connection took the answer with it. */
  async #ask(r: Request, signal: AbortSignal | undefined): Promise<Frame> {
    for (;;) {
      const connection = await this.#connected(signal);
      if (connection.error) continue;
      const answer = await connection.send(r, signal);
      const error = answer && fault(answer);
      if (error) throw error;
      if (answer) return answer;
    }
  }

  /** Returns the connection, and waits where there is none. */
  async #connected(signal: AbortSignal | undefined): Promise<Connection> {
    for (;;) {
      if (this.#error) throw this.#error;
      if (this.#connection && !this.#connection.error) return this.#connection;
      await this.#up.wait(signal);
    }
  }

  welcomed(connection: Connection): void {
    const { welcome } = connection;
    for (const one of welcome.chosen) this.#feeds.heard({ type: "subscribed", ...one } as Frame, 0);
    this.#feeds.dropUnchosen();
    this.#metAt = performance.now();
    this.#connection = connection;
    this.#tender = new Tender(connection, this.#feeds, this.#pace);
    this.#refresher = new Refresher(connection, this.#config.renew, (error) => this.#tell({ phase: "connected", welcome, error }));
    this.#tender.poke();
    this.#up.ring();
    this.#tell({ phase: "connected", welcome });
  }

  heard(f: Frame, size: number): void {
    if (f.type === "expiring") this.#refresher?.begin();
    else this.#feeds.heard(f, size);
  }

  /** Makes one connection after the other, until close, or until an end that says stop. It returns that end. */
  async #run(): Promise<Error> {
    await null; // connect returns before anybody is told
    let failures = 0;
    let renew = false;
    while (!this.#life.signal.aborted) {
      this.#tell({ phase: "connecting" });
      this.#metAt = Infinity;
      const error = await this.#once(renew);
      const met = this.#metAt !== Infinity;
      if (performance.now() - this.#metAt >= settled) failures = 0;
      this.#pace.learn(error);
      if (this.#life.signal.aborted) break;
      const advice = adviceOf(error);
      if (advice === "stop") return error;
      // A credential that was renewed and is refused again is not asked for at once.
      let waitMs = error instanceof CloseError ? error.retryMs : error instanceof RefusedError ? error.retryAfterMs : 0;
      if (advice === "back off" || failures > 0) waitMs += spread(failures, this.#config.longestPauseMs);
      renew = advice === "renew" || (renew && !met);
      failures++;
      this.#tell({ phase: "waiting", error, waitMs });
      await sleep(waitMs, this.#life.signal);
    }
    return this.#life.signal.reason as Error;
  }

  /** Makes one connection, serves it to its end, and returns why it ended, or why there was none. */
  async #once(renew: boolean): Promise<Error> {
    const { signal } = this.#life;
    this.#feeds.anew();
    const source = renew ? this.#config.renew : this.#config.token;
    try {
      const connection = await bounded(attemptBy, "the attempt to connect took more than 30 s", signal, (s) => dial(this.#config, source, this, s));
      const close = () => connection.fail(signal.reason as Error);
      signal.addEventListener("abort", close);
      if (signal.aborted) close();
      const error = await connection.over;
      signal.removeEventListener("abort", close);
      await connection.release();
      return error;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#tender?.stop();
      this.#refresher?.stop();
      this.#connection = this.#tender = this.#refresher = undefined;
      this.#feeds.dropLeaving();
    }
  }

  #stop(error: Error): Error {
    this.#error = error;
    this.#feeds.dropAll(error);
    this.#up.ring();
    this.#tell({ phase: "ended", error });
    return error;
  }

  #tell(state: State): void {
    this.#state = state;
    safely(() => this.#config.onState?.(state));
  }
}

/** What the end of a connection or of an attempt asks for. What broke on the way is tried again: a name that is not found, a network that is gone. */
function adviceOf(error: Error): Advice {
  if (error instanceof CloseError || error instanceof RefusedError) return error.advice;
  return error instanceof ProtocolError ? "stop" : "back off";
}

/** Calls what is somebody else's. What it throws is an uncaught error, as in every event handler, and the client goes on. */
function safely<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}
