import { message, type Frame, type Message, type Position, type Request } from "./wire.js";
import type { Patience } from "./feed.js";

/** What a reading of history begins with. */
export interface HistoryOptions extends Patience {
  /** Where to begin, exclusive. Left out it is the oldest message, or the newest in reverse. */
  since?: Position;
  /** The newest first. */
  reverse?: boolean;
  /** How many messages one request asks for: 100 when left out, and the gateway gives at most 1,000. */
  page?: number;
}

/** Reads page by page, until the caller stops. */
export async function* pages(ask: (r: Request) => Promise<Frame>, channel: string, o: HistoryOptions): AsyncGenerator<Message, void> {
  for (let at = o.since; ; ) {
    const r: Request = { type: "history", channel, reverse: o.reverse === true };
    if (o.page !== undefined) r.limit = o.page;
    const page = await ask(at ? { ...r, since: at, strict: true } : r);
    for (const one of page.messages ?? []) yield message(one, channel, page.epoch);
    const next: Position = { offset: page.offset ?? 0, epoch: page.epoch ?? "" };
    if (!page.more || (next.offset === at?.offset && next.epoch === at.epoch)) return; // a page that leads nowhere is the last
    at = next;
  }
}
