import type { Position } from "./wire.js";

/** A part of a channel that a feed does not deliver. */
export interface Gap {
  /** The end before, exclusive; 0 where it is not known, as on a channel that keeps no history. */
  after: number;
  /** The end behind, exclusive: from here on everything comes again. 0 where it is not known. */
  before: number;
  /** Of before; empty on a channel that keeps no history. */
  epoch: string;
  /**
   * Why: `slow` or `engine` while connected; `trimmed`, `epoch`, `limit` or `no_history` when the feed could not continue on another connection; `client`
   * when the caller was slower than the channel, and the feed was full.
   */
  reason: string;
  /** How many messages are missing, where that is known; 0 where it is not. */
  lost: number;
}

/** Lets a gap reach to a position. Offsets of two epochs have no order: where a gap spans them its beginning is not known. */
export function through(g: Gap, to: Position): void {
  if (g.epoch !== to.epoch) {
    g.after = 0;
    g.epoch = to.epoch;
  }
  g.before = to.offset;
}
