import { Bell } from "./bell.js";
import { ClosedError, UnsubscribedError } from "./errors.js";
import type { Feed, FeedOptions, Patience } from "./feed.js";
import { type Gap, through } from "./gap.js";
import { presenceEvent } from "./presence.js";
import { type Entry, Queue } from "./queue.js";
import { type Frame, message, type Message, type Position, type Request } from "./wire.js";

/** How far a feed is on the connection that there is. */
export interface OnConnection {
  /** The gateway subscribed to it by itself. */
  chosen?: boolean;
  /** A request is out, or none is needed. */
  asked?: boolean;
  /** The request asks for what the gateway chose to be replaced. */
  instead?: boolean;
  /** What comes is the feed's: before that it may be of what is being replaced. */
  live?: boolean;
}

/** A feed, and what its client knows of it. */
export class Subscription implements Feed {
  /** Subscribe was called for it: it is asked for where the gateway does not choose it. */
  own = false;
  /** The gateway agreed once. */
  begun = false;
  /** It is not asked before, by performance.now(). */
  notBefore = 0;
  /** Of asking, since it last succeeded. */
  failures = 0;
  leaving = false;
  /** Why it is gone. */
  gone: Error | undefined;
  on: OnConnection = {};
  /** Rings when it has begun, and when it is gone. */
  readonly turned = new Bell();
  readonly #queue: Queue;
  readonly #ready = new Bell();

  /** at is what was put last; what the next connection continues from. */
  constructor(
    readonly channel: string,
    readonly options: FeedOptions,
    readonly leave: () => void,
    public at: Position | undefined = options.since,
  ) {
    this.#queue = new Queue(at);
  }

  async next({ signal }: Patience = {}): Promise<Message> {
    for (;;) {
      const e = this.#queue.take();
      if (e?.message) return e.message;
      if (e?.gap) this.options.onGap?.(e.gap);
      if (e?.presence) this.options.onPresence?.(e.presence);
      if (!e) await this.#ready.wait(signal);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void> {
    try {
      for (;;) yield await this.next();
    } catch (error) {
      if (!(error instanceof UnsubscribedError || error instanceof ClosedError)) throw error;
    }
  }

  async unsubscribe({ signal }: Patience = {}): Promise<void> {
    this.leave();
    while (!this.gone) await this.turned.wait(signal);
  }

  /** Says whether it must ask for more than what the gateway chose: for what came before that, or for joins and leaves. */
  missing(f: Frame): boolean {
    return (this.at !== undefined && (this.at.offset !== f.offset || this.at.epoch !== f.epoch)) || this.options.onPresence !== undefined;
  }

  /** The request for the channel, from where the feed stands. */
  request(): Request {
    const r: Request = { type: "subscribe", channel: this.channel };
    if (this.options.onPresence) r.join_leave = true;
    if (this.at || this.on.instead) r.since = this.at ?? { offset: 0, epoch: "" };
    if (this.at && this.options.strict) r.strict = true;
    return r;
  }

  /** Lets what comes be delivered, from where an answer says. */
  begin(answer: Frame): void {
    this.#resume(answer);
    this.on.asked = this.on.live = this.begun = true;
    this.failures = 0;
    if (this.options.onPresence) this.#put({ presence: { kind: "anew" }, size: 0 });
    this.turned.ring();
  }

  /** Finds out whether the feed continues where it was, and tells a gap where it does not. */
  #resume(ok: Frame): void {
    const was = this.at;
    if (was && ok.recovered) {
      this.at = { offset: was.offset, epoch: ok.epoch! };
      return;
    }
    this.at = ok.epoch ? { offset: ok.offset ?? 0, epoch: ok.epoch } : undefined;
    if (!this.begun && !was) return this.#queue.begin(this.at);
    const gap: Gap = { after: was?.offset ?? 0, before: 0, epoch: was?.epoch ?? "", reason: ok.reason ?? "no_history", lost: 0 };
    if (this.at) through(gap, { offset: this.at.offset + 1, epoch: this.at.epoch });
    this.#put({ gap, size: 0 });
  }

  /** Takes what the gateway says of the channel while the feed is live. */
  heard(f: Frame, size: number): void {
    if (f.type === "message") this.#message(f, size);
    else if (f.type === "gap") this.#gap(f, size);
    else if (this.options.onPresence) this.#put({ presence: presenceEvent(f), size });
  }

  /** Delivers a message, unless it was delivered before. */
  #message(f: Frame, size: number): void {
    if (f.offset && this.at) {
      if (f.offset <= this.at.offset) return;
      this.at = { offset: f.offset, epoch: this.at.epoch };
    }
    this.#put({ message: message(f, this.channel, this.at?.epoch), size });
  }

  /** Moves the feed on to where the gateway does. */
  #gap(f: Frame, size: number): void {
    const { after = 0, before = 0, epoch = "", reason = "" } = f;
    if (epoch && epoch !== this.at?.epoch) this.at = { offset: 0, epoch };
    if (this.at) this.at = { ...this.at, offset: Math.max(this.at.offset, before - 1) };
    this.#put({ gap: { after, before, epoch, reason, lost: 0 }, size });
  }

  #put(e: Entry): void {
    this.#queue.put(e);
    this.#ready.ring();
  }

  /** Ends it for those who read it, at once or behind what was not taken. */
  end(error: Error, clear = false): void {
    this.#queue.end(error, clear);
    this.#ready.ring();
  }
}
