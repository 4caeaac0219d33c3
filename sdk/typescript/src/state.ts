import type { Welcome } from "./welcome.js";

/** A handshake is on its way. */
export interface Connecting {
  /** What tells the states apart. */
  phase: "connecting";
}

/** Requests are answered. */
export interface Connected {
  /** What tells the states apart. */
  phase: "connected";
  /** Who the client is to the gateway. */
  welcome: Welcome;
  /** What hindered the last refresh of the credential. It is tried again; the connection goes on with what it has. */
  error?: Error;
}

/** Before the next attempt. */
export interface Waiting {
  /** What tells the states apart. */
  phase: "waiting";
  /** What ended the last connection or attempt. */
  error: Error;
  /** Until the next attempt, in milliseconds. */
  waitMs: number;
}

/** There will be no other attempt. */
export interface Ended {
  /** What tells the states apart. */
  phase: "ended";
  /** A ClosedError after close(), else what the gateway said: a CloseError, a RefusedError, or a ProtocolError. */
  error: Error;
}

/** What a client is at. */
export type State = Connecting | Connected | Waiting | Ended;
