/**
 * What to do about an end, or a refusal: `reconnect` after `retryMs`, at once where that is 0; `back off`, reconnect after a pause that grows from one
 * attempt to the next; `renew`, get a new credential, then reconnect; `stop`, the next attempt would end as this one did.
 */
export type Advice = "reconnect" | "back off" | "renew" | "stop";

/** A request that the gateway answered with an error. The connection stays. */
export class RequestError extends Error {
  /** For logs. */
  override readonly name = "RequestError";
  constructor(
    /** One of the gateway's codes, such as `forbidden`. Bear codes that you do not know. */
    readonly code: string,
    /** For people. */
    readonly text: string,
    /** Milliseconds after which a retry may help; 0 where none does. */
    readonly retryMs = 0,
  ) {
    super(`${code}: ${text}`);
  }
}

/** A connection that this client did not end. */
export class CloseError extends Error {
  /** For logs. */
  override readonly name = "CloseError";
  constructor(
    /** The WebSocket close code (RFC 6455, section 7.4); 1006 for a connection that broke without a word. */
    readonly code: number,
    /** The gateway's name of the code, such as `draining`; else the text that came with it. */
    readonly reason: string,
    /** Milliseconds that the gateway asks the client to wait. */
    readonly retryMs = 0,
  ) {
    super(code === lost ? `the connection was lost: ${reason}` : `the connection was closed: ${code} ${reason}`.trimEnd() + (retryMs ? `, retry after ${retryMs} ms` : ""));
  }

  /** What the band of the code asks for. */
  get advice(): Advice {
    const band = Math.floor(this.code / 100);
    return bands[band] ?? (elsewhere.includes(this.code) ? "back off" : "stop");
  }
}

/** It is never sent: it stands for a connection that ended without a close frame (RFC 6455, section 7.4.1). */
export const lost = 1006;

const bands: Record<number, Advice> = { 40: "reconnect", 41: "back off", 42: "renew" };

/** Of these the gateway sends none; proxies do that restart, or lost the gateway. */
const elsewhere = [1001, lost, 1011, 1012, 1013, 1014];

/** A ticket, or a handshake, that the gateway refused, with the problem (RFC 9457) that it answered with. */
export class RefusedError extends Error {
  /** For logs. */
  override readonly name = "RefusedError";
  constructor(
    /** Of HTTP. */
    readonly status: number,
    /** One of the gateway's codes, such as `token_expired`; empty when it was not the gateway that answered. */
    readonly code: string,
    /** For people. */
    readonly detail: string,
    /** By which the gateway's operator finds the reason in the log; empty where there is none. */
    readonly instance: string,
    /** Milliseconds that the gateway asks the client to wait. */
    readonly retryAfterMs: number,
  ) {
    super([`the gateway refused: ${status}`, code && ` ${code}`, detail && `: ${detail}`, instance && `, instance ${instance}`].join(""));
  }

  /** Whether another attempt can end better. */
  get advice(): Advice {
    if (this.status === 401) return "renew";
    return this.status === 429 || this.status >= 500 ? "back off" : "stop";
  }
}

/** A publication whose answer was lost and that cannot be repeated without harm: nobody knows whether it was delivered. `cause` says why. */
export class UncertainError extends Error {
  /** For logs. */
  override readonly name = "UncertainError";
  constructor(channel: string, cause: unknown) {
    super(`publish on ${channel}: the message may or may not have been delivered: its answer was lost`, { cause });
  }
}

/** What everything that waits is rejected with after `Client.close`. */
export class ClosedError extends Error {
  /** For logs. */
  override readonly name = "ClosedError";
  constructor() {
    super("the client was closed");
  }
}

/** The end of a feed that this client left. */
export class UnsubscribedError extends Error {
  /** For logs. */
  override readonly name = "UnsubscribedError";
  constructor() {
    super("the subscription was ended by this client");
  }
}

/** A server that says what no gateway says, or a message that is larger than the client takes. There is no other attempt. */
export class ProtocolError extends Error {
  /** For logs. */
  override readonly name = "ProtocolError";
}
