import { RequestError, UnsubscribedError } from "./errors.js";
import type { Feed, FeedOptions, Patience } from "./feed.js";
import { Subscription } from "./subscription.js";
import { spread } from "./time.js";
import { fault, type Frame, type Request } from "./wire.js";

/** What the feeds want of their client. */
export interface Keeper {
  onFeed?: ((feed: Feed) => void) | undefined;
  feedOptions: (channel: string) => FeedOptions;
  longestPauseMs: number;
  /** Why the client ended. */
  ended(): Error | undefined;
  connected(): boolean;
  /** Has the feeds asked for, soon. */
  poke(): void;
}

/** The feeds of a client, one of a channel. */
export class Feeds {
  readonly #keeper: Keeper;
  readonly #feeds = new Map<string, Subscription>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** Asks for a channel, and returns when the gateway has agreed. It waits for a feed that is being left. */
  async subscribe(channel: string, options: FeedOptions, { signal }: Patience): Promise<Feed> {
    signal?.throwIfAborted();
    let held: Subscription | undefined;
    while ((held = this.#feeds.get(channel)) && !this.#keeper.ended()) {
      if (!held.leaving) throw new RequestError("already_subscribed", `this client has a feed of ${channel}`);
      await held.turned.wait(signal);
    }
    const ended = this.#keeper.ended();
    if (ended) throw ended;
    const f = this.#open(channel, options);
    f.own = true;
    this.#keeper.poke();
    try {
      while (!f.begun && !f.gone) await f.turned.wait(signal);
    } catch (reason) {
      f.leave();
      throw reason;
    }
    if (!f.begun) throw f.gone!;
    return f;
  }

  #open(channel: string, options: FeedOptions): Subscription {
    const f: Subscription = new Subscription(channel, options, () => this.#leave(f));
    this.#feeds.set(channel, f);
    return f;
  }

  /** Serves what the gateway says of a channel. */
  heard(said: Frame, size: number): void {
    if (said.type === "subscribed") return this.#chosen(said);
    const f = this.#feeds.get(said.channel);
    if (!f) return;
    if (said.type !== "unsubscribed") {
      if (f.on.live) f.heard(said, size);
    } else if (!f.on.live) this.#unchosen(f, said);
    else if (!f.leaving) this.drop(f, fault(said)!); // else the answer to leaving is still to come
  }

  /** Takes a subscription that the gateway made by itself, as its frame or the welcome tells, before anything of the channel. */
  #chosen(said: Frame): void {
    const { onFeed, feedOptions } = this.#keeper;
    let f = this.#feeds.get(said.channel);
    const known = f !== undefined;
    if (!f) {
      if (!onFeed) return;
      f = this.#open(said.channel, feedOptions(said.channel));
    } else if (f.on.asked || f.leaving) return; // the answer to what is asked is still to come
    f.on.chosen = true;
    if (f.missing(said)) {
      f.on.instead = true;
      this.#keeper.poke();
    } else f.begin({ ...said, recovered: f.at !== undefined });
    if (!known) onFeed!(f);
  }

  /** Serves the end of what the gateway chose and a feed has not begun with. Where it has asked already, the answer to that counts. */
  #unchosen(f: Subscription, said: Frame): void {
    if (f.on.asked || f.leaving) return;
    if (f.own) f.on = {};
    else this.drop(f, fault(said)!);
    this.#keeper.poke();
  }

  /** The feeds begin a connection anew. */
  anew(): void {
    for (const f of this.#feeds.values()) f.on = {};
  }

  /** Ends what the gateway chose on the connection before, and on this one does not. */
  dropUnchosen(): void {
    for (const f of this.#feeds.values()) {
      if (f.own || f.on.chosen) continue;
      this.drop(f, new RequestError("not_subscribed", `the gateway does not subscribe this client to ${f.channel} any more`));
    }
  }

  /** Drops what no connection holds any more. */
  dropLeaving(): void {
    for (const f of this.#feeds.values()) if (f.leaving) this.drop(f, new UnsubscribedError());
  }

  dropAll(error: Error): void {
    this.dropLeaving();
    for (const f of this.#feeds.values()) this.drop(f, error);
  }

  /** Gives the place of a feed back. */
  drop(f: Subscription, error: Error): void {
    if (this.#feeds.get(f.channel) !== f) return;
    this.#feeds.delete(f.channel);
    f.gone = error;
    f.end(error);
    f.turned.ring();
  }

  /** Collects feeds that have something to ask, in the order of their names. wait is when the next of the others has, in milliseconds, 0 when none. */
  batch(most: number): { batch: Subscription[]; wait: number } {
    const now = performance.now();
    const batch: Subscription[] = [];
    let wait = 0;
    for (const f of this.#feeds.values()) {
      if (f.leaving && !f.on.asked && !f.on.chosen) this.drop(f, new UnsubscribedError()); // on this connection the gateway never heard of it
      else if (f.on.asked && !f.leaving) continue;
      else if (f.notBefore > now) wait = wait ? Math.min(wait, f.notBefore - now) : f.notBefore - now;
      else batch.push(f);
    }
    batch.sort((a, b) => (a.channel < b.channel ? -1 : 1));
    return { batch: batch.slice(0, most), wait };
  }

  /** What a feed asks now, and who takes the answer. */
  ask(f: Subscription): { request: Request; answered: (answer: Frame) => void } {
    const leaving = f.leaving;
    const request: Request = leaving ? { type: "unsubscribe", channel: f.channel } : f.request();
    f.on.asked = true;
    return { request, answered: (answer) => (leaving ? this.#left(f, answer) : this.#subscribed(f, answer)) };
  }

  #subscribed(f: Subscription, answer: Frame): void {
    if (f.gone) return;
    if (answer.type === "ok") f.begin(answer);
    else this.#refused(f, answer);
  }

  /** Ends a feed, or has it ask again. */
  #refused(f: Subscription, answer: Frame): void {
    const { code, retry_ms: retry = 0 } = answer;
    if (code === "already_subscribed" && !f.leaving && !f.on.instead) { // the gateway was first, by itself
      f.on = { chosen: true, instead: true };
      return this.#keeper.poke();
    }
    const again = retry > 0 || ["unavailable", "internal", "rate_limited"].includes(code) || (code === "quota_exceeded" && f.begun); // the connection before may count until the gateway misses it
    if (f.leaving || !again) return this.drop(f, fault(answer)!);
    f.on.asked = false;
    f.notBefore = performance.now() + retry + spread(f.failures++, this.#keeper.longestPauseMs);
    this.#keeper.poke();
  }

  #left(f: Subscription, answer: Frame): void {
    if (answer.type === "error" && answer.retry_ms) {
      f.notBefore = performance.now() + answer.retry_ms;
      return this.#keeper.poke();
    }
    this.drop(f, new UnsubscribedError()); // with not_subscribed the gateway was first
  }

  /** Ends a feed for this client at once; for the gateway the keeper does. */
  #leave(f: Subscription): void {
    if (f.leaving || f.gone) return;
    f.leaving = true;
    f.notBefore = 0;
    f.end(new UnsubscribedError(), true);
    if (this.#keeper.connected()) this.#keeper.poke();
    else this.drop(f, new UnsubscribedError());
  }
}
