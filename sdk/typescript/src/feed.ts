import type { Gap } from "./gap.js";
import type { PresenceEvent } from "./presence.js";
import type { Message, Position } from "./wire.js";

/** Ends a call before its answer. Its reason is what the call is rejected with. */
export interface Patience {
  /** Left out, the call waits as long as it takes. */
  signal?: AbortSignal | undefined;
}

/** What a feed does besides messages. The functions are called by `next`, where they stand among the messages. */
export interface FeedOptions {
  /** A position to continue from, such as that of the last message that was served before the page was loaded anew. Left out it means the present. */
  since?: Position;
  /** Ends the feed with a RequestError, code `unrecoverable`, where it cannot continue without a gap. onGap is not told then. */
  strict?: boolean;
  /** Hears of what does not come. */
  onGap?: (gap: Gap) => void;
  /** Hears of users who come and go. The channel must have presence, and the user the right to it. */
  onPresence?: (event: PresenceEvent) => void;
}

/**
 * One channel's messages, over all connections of its client: from `subscribe`, or `onFeed`, until `unsubscribe`, the gateway's word, or the end of the
 * client. On a channel that keeps history each message comes once and in order, or a gap says which do not; on others a new connection is a gap.
 *
 * A feed holds 1,024 messages, or 4 MiB of them, for a caller that is slower than its channel; what it drops is a gap.
 *
 * `for await` ends when this client left the channel or was closed, and throws where the feed ended otherwise. To break out of it leaves the feed as it is.
 */
export interface Feed extends AsyncIterable<Message> {
  /** The channel's name. */
  readonly channel: string;
  /**
   * Returns the oldest message that nobody has taken, and waits for one where there is none; on its way it tells onGap and onPresence. When the feed has
   * ended, and all that had come before is taken, it rejects with why: an UnsubscribedError, a RequestError, or what the client ended with.
   */
  next(patience?: Patience): Promise<Message>;
  /**
   * Leaves the channel. What was not taken is dropped, and `next` rejects at once. It returns when the gateway has agreed, or has no connection of this
   * client any more; when the signal ends before, the channel is left all the same.
   */
  unsubscribe(patience?: Patience): Promise<void>;
}
