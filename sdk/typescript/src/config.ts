import { address } from "./address.js";
import type { TokenSource, Way } from "./credential.js";
import type { Feed, FeedOptions } from "./feed.js";
import type { WebSocketConstructor } from "./socket.js";
import type { State } from "./state.js";

/** What a client needs. */
export interface Config {
  /** The gateway's address: `wss://host`, or `ws://host` for one on this machine. Where it has no path it means `/v1/ws`; tickets are asked for beside it. */
  url: string;

  /**
   * Returns the token to show. It is called for each connection, and before the end of the token that is in use. An error of it is a failed attempt, and is
   * followed by another.
   */
  token: TokenSource;

  /**
   * Returns a new credential's token after the gateway said that the one before counts no more, and before its end. Left out it is `token`; set it where
   * `token` may return what it returned before. A refresh that fails is tried again every ten seconds, and the connection goes on with what it had.
   */
  renew?: TokenSource;

  /**
   * How the token is shown. `ticket`, the default: it is changed for a ticket by `POST /v1/tickets`, whose refusal a page can read. `subprotocol`: it goes with the handshake, one request less; where that
   * fails a ticket is asked for, to learn why.
   */
  way?: Way;

  /**
   * Bounds the pause before another attempt, in milliseconds; 30,000 when left out. It begins at half a second and doubles from failure to failure, and what is
   * waited is a random part of it, on top of what the gateway asked for.
   */
  longestPauseMs?: number;

  /**
   * Hears of each channel that the gateway subscribes this user to by itself and that `subscribe` was not called for, before any of its messages, and gets a
   * feed of it. The feed continues on the next connection. It ends with a RequestError when the gateway says so, and with code `not_subscribed` on a connection
   * for which the channel is not chosen any more. Left out, only what `subscribe` was called for is heard.
   */
  onFeed?: (feed: Feed) => void;

  /** Returns the options of a feed for onFeed; `since` among them, where it begins the first time. */
  feedOptions?: (channel: string) => FeedOptions;

  /** Hears of every change, in order. */
  onState?: (state: State) => void;

  /** Makes the connection. Left out it is `globalThis.WebSocket`, which browsers and Node.js from 22 on have. */
  WebSocket?: WebSocketConstructor;

  /** Asks for tickets. Left out it is `globalThis.fetch`. */
  fetch?: typeof fetch;

  /** Lets the token go over ws:// to another machine, where everybody on the way can read and use it. */
  insecurePlaintext?: boolean;
}

/** A config that was looked at, with all that was left out. */
export interface Checked extends Config {
  address: URL;
  renew: TokenSource;
  way: Way;
  longestPauseMs: number;
  WebSocket: WebSocketConstructor;
  fetch: typeof fetch;
}

/** Says at once what can never go well. */
export function check(c: Config): Checked {
  const at = address(c.url, c.insecurePlaintext === true);
  if (typeof c.token !== "function") throw new TypeError("token is missing: it is a function that returns the token to show");
  const way = c.way ?? "ticket";
  if (way !== "ticket" && way !== "subprotocol") throw new TypeError(`way "${String(way)}" is unknown: it is "ticket" or "subprotocol"`);
  const socket = c.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (!socket) {
    throw new TypeError("there is no WebSocket here: give one, such as that of npm's ws, as WebSocket; or use Node.js 22, or Node.js 20 with --experimental-websocket");
  }
  const longestPauseMs = c.longestPauseMs ?? 30_000;
  if (!(longestPauseMs > 0)) throw new TypeError(`longestPauseMs is ${longestPauseMs}: it is a number of milliseconds above 0`);
  // A browser's fetch wants to be called as the window's own.
  return { ...c, address: at, renew: c.renew ?? c.token, way, longestPauseMs, WebSocket: socket, fetch: c.fetch ?? ((input, init) => globalThis.fetch(input, init)) };
}
