import { type Gap, through } from "./gap.js";
import { dropped, type PresenceEvent } from "./presence.js";
import type { Message, Position } from "./wire.js";

/** A queue holds at most so many messages, and of several so many characters of their frames. */
export const queueMessages = 1024;
export const queueSize = 4 * 2 ** 20;

/** What stands in a feed's queue: a message, a gap, or somebody who came or went. */
export interface Entry {
  message?: Message;
  gap?: Gap;
  presence?: PresenceEvent;
  /** Characters of the frame that brought it. */
  size: number;
}

/**
 * What stands between the connection, which never waits, and the callers of next. What it drops becomes one gap before the rest, and of those who came
 * and went one word that what was known is old.
 */
export class Queue {
  #entries: Entry[] = [];
  #size = 0;
  /** Of what was taken last. */
  #at: Position | undefined;
  /** What was dropped in front of the entries, and the same of presence. */
  #lost: Gap | undefined;
  #stale: PresenceEvent | undefined;
  #ended: Error | undefined;

  constructor(at: Position | undefined) {
    this.#at = at;
  }

  put(e: Entry): void {
    if (this.#ended) return;
    this.#entries.push(e);
    this.#size += e.size;
    while (this.#entries.length > queueMessages || (this.#size > queueSize && this.#entries.length > 1)) this.#lose(this.#pop());
  }

  /** Says where the channel stood when the gateway first agreed. */
  begin(at: Position | undefined): void {
    this.#at = at;
  }

  /** Returns the oldest entry, undefined where there is none, and throws the end behind the last. */
  take(): Entry | undefined {
    let e: Entry | undefined;
    if (this.#lost) {
      e = { gap: this.#lost, size: 0 };
      this.#lost = undefined;
    } else if (this.#stale) {
      e = { presence: this.#stale, size: 0 };
      this.#stale = undefined;
    } else if (this.#entries.length > 0) e = this.#pop();
    else if (this.#ended) throw this.#ended;
    if (e?.message) this.#at = e.message.position;
    if (e?.gap?.before) this.#at = { offset: e.gap.before - 1, epoch: e.gap.epoch };
    return e;
  }

  /** Lets take throw an error behind the last entry. The first end counts. */
  end(error: Error, clear = false): void {
    this.#ended ??= error;
    if (!clear) return;
    this.#entries = [];
    this.#size = 0;
    this.#lost = this.#stale = undefined;
  }

  #pop(): Entry {
    const e = this.#entries.shift()!;
    this.#size -= e.size;
    return e;
  }

  /** Adds what was dropped to what is told in front. */
  #lose(e: Entry): void {
    if (e.presence) {
      this.#stale = dropped(e.presence, this.#stale);
      return;
    }
    const lost = (this.#lost ??= { after: this.#at?.offset ?? 0, before: 0, epoch: this.#at?.epoch ?? "", reason: "client", lost: 0 });
    if (e.message) {
      if (e.message.position) through(lost, { ...e.message.position, offset: e.message.position.offset + 1 });
      lost.lost++;
    }
    if (e.gap) {
      through(lost, { offset: e.gap.before, epoch: e.gap.epoch });
      lost.lost += e.gap.lost;
    }
  }
}
