import type { Feed, FeedOptions, Patience } from "./feed.js";
import type { HistoryOptions } from "./history.js";
import type { Presence } from "./presence.js";
import type { Published } from "./publish.js";
import type { State } from "./state.js";
import type { Message } from "./wire.js";

/**
 * Keeps a connection to a gateway: one that ends is followed by another, as the gateway's advice allows, and the subscriptions continue on it where they were.
 * Requests wait for a connection as long as their signals do; without a signal until there is one, or the client ends.
 */
export interface Client {
  /** What the client is at. */
  readonly state: State;
  /** Resolves when the client has ended, with why: a ClosedError after `close`, else what the gateway said. */
  readonly ended: Promise<Error>;
  /**
   * Asks for a channel's messages, and returns when the gateway has agreed. A client has one feed of a channel: a second one is a RequestError with code
   * `already_subscribed`, also where onFeed got the first.
   */
  subscribe(channel: string, options?: FeedOptions & Patience): Promise<Feed>;
  /**
   * Sends data to everybody who hears a channel, and returns when the gateway's engine has it. Data is a JSON value, a Uint8Array, which goes as bytes, or
   * what {@link sealed} made.
   *
   * On a channel that keeps history it is sent again, with an idempotency key, where the answer was lost: it is published once. That goes on until the
   * signal ends, and for four minutes at the most, because the gateway knows a key for five. On other channels it is sent once. Where nobody knows whether
   * it was published, because the answer is still missing then, it rejects with an UncertainError. What the gateway refused, with a RequestError, and what
   * was never sent was not published.
   */
  publish(channel: string, data: unknown, patience?: Patience): Promise<Published>;
  /** Sends data to a channel and returns what comes back, to this client alone: the same JSON value. Data is one, or what {@link sealed} made. */
  echo(channel: string, data: unknown, patience?: Patience): Promise<unknown>;
  /**
   * Reads what a channel keeps, the oldest first unless the options say otherwise, page by page until the caller stops. It needs no feed of the channel. It
   * throws a RequestError with code `unrecoverable` where it cannot go on without a gap, because what it would read is not stored any more;
   * `not_available` on a channel that keeps nothing; `forbidden` without the right to history.
   */
  history(channel: string, options?: HistoryOptions): AsyncIterable<Message>;
  /** Asks who is on a channel. It needs no feed of it, and the right to presence: else `forbidden`, and `not_available` on a channel that has none. */
  presence(channel: string, patience?: Patience): Promise<Presence>;
  /** Asks the gateway for its time, in milliseconds since 1970. */
  ping(patience?: Patience): Promise<number>;
  /**
   * Ends the connection and everything that waits, with a ClosedError, and returns when nothing of the client moves any more, after two seconds at the
   * latest. What the feeds hold can still be taken. It may be called more than once.
   */
  close(): Promise<void>;
}
