import { bounded } from "./bell.js";
import type { Connection } from "./connection.js";
import { UncertainError } from "./errors.js";
import { Sealed } from "./sealed.js";
import { shortPause, sleep, stopwatch } from "./time.js";
import { base64, fault, type Frame, json, type Position, type Request } from "./wire.js";

/** What the gateway says of a publication that its engine has. */
export interface Published {
  /** On a channel that keeps history: where the message stands. */
  position?: Position;
  /** An attempt before this one had come through, and its answer had not. */
  duplicate: boolean;
}

/** How long a publication is repeated, in milliseconds: less than the five minutes for which the gateway knows its key. */
const keyCounts = 4 * 60_000;
/** Bounds what is known of channels without history. When it is full all of it is forgotten, which costs a request for each. */
const mostBare = 1024;
const keyOld = "no answer came for 4 min, and the gateway may forget that it had the message";

/** One publication, over all its attempts. */
interface Publishing {
  request: Request;
  /** An attempt went out whose fate is not known. */
  sent: boolean;
  /** Since the first attempt. */
  elapsed?: () => number;
}

/** Publishes for one client, once for each call where that can be had. */
export class Publisher {
  readonly #connected: (signal?: AbortSignal) => Promise<Connection>;
  /** Begins every idempotency key. */
  readonly #prefix = base64(crypto.getRandomValues(new Uint8Array(18)));
  #number = 0;
  /** Channels that keep no history, as far as is known. */
  readonly #bare = new Set<string>();

  constructor(connected: (signal?: AbortSignal) => Promise<Connection>) {
    this.#connected = connected;
  }

  async publish(channel: string, data: unknown, signal?: AbortSignal): Promise<Published> {
    const request = publication(channel, data);
    request.idempotency_key = this.#bare.has(channel) ? undefined : `${this.#prefix}-${(++this.#number).toString(36)}`;
    const p: Publishing = { request, sent: false };
    try {
      for (;;) {
        const ok = await this.#attempt(p, signal);
        if (!ok) continue;
        this.#keeps(channel, ok.epoch !== undefined);
        return { duplicate: ok.duplicate === true, ...(ok.epoch !== undefined && { position: { offset: ok.offset ?? 0, epoch: ok.epoch } }) };
      }
    } catch (error) {
      throw p.sent ? new UncertainError(channel, error) : error;
    }
  }

  #attempt(p: Publishing, signal: AbortSignal | undefined): Promise<Frame | undefined> {
    if (!p.sent) return this.#send(p, signal);
    return bounded(keyCounts - p.elapsed!(), keyOld, signal, (inner) => this.#send(p, inner));
  }

  /** Sends the request once. Without an answer and without an error there is to be another attempt. */
  async #send(p: Publishing, signal: AbortSignal | undefined): Promise<Frame | undefined> {
    const connection = await this.#connected(signal);
    if (connection.error) return undefined; // nothing was sent
    if (p.sent && p.elapsed!() >= keyCounts) throw new Error(keyOld); // a timer may ring late
    const answer = connection.send(p.request, signal);
    p.elapsed ??= stopwatch();
    const before = p.sent;
    p.sent = true;
    const f = await answer;
    if (f) {
      p.sent = before;
      return this.#judge(p, f, signal);
    }
    if (p.request.idempotency_key === undefined) throw connection.error;
    return undefined;
  }

  /** Says what an answer means. An unavailable is one that nobody knows the meaning of. */
  async #judge(p: Publishing, f: Frame, signal: AbortSignal | undefined): Promise<Frame | undefined> {
    const error = fault(f);
    if (!error) return f;
    const { idempotency_key: key } = p.request;
    if (f.code === "not_available" && key !== undefined && !p.sent) { // it keeps no history, perhaps
      p.request.idempotency_key = undefined;
      return undefined;
    }
    if (f.code === "unavailable") p.sent = true;
    else if (f.code !== "rate_limited" || !p.sent) throw error; // else it must still find out
    if (key === undefined) throw error;
    await sleep(Math.max(error.retryMs, shortPause), signal);
    signal?.throwIfAborted();
    return undefined;
  }

  /** Remembers whether a channel keeps history. */
  #keeps(channel: string, history: boolean): void {
    if (history) this.#bare.delete(channel);
    else {
      if (this.#bare.size >= mostBare) this.#bare.clear();
      this.#bare.add(channel);
    }
  }
}

/** A request to publish data: bytes go as base64. It is written now, and the same in every attempt, whatever becomes of data meanwhile. */
function publication(channel: string, data: unknown): Request {
  if (data instanceof Uint8Array) return { type: "publish", channel, base64: base64(data) };
  return { type: "publish", channel, ...carried(data) };
}

/** How data that is no bytes travels. */
export function carried(data: unknown): Pick<Request, "raw" | "encryption"> {
  return data instanceof Sealed ? { raw: json(data.text), encryption: "jwe" } : { raw: json(data) };
}
