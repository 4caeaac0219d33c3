import type { Frame } from "./wire.js";

/** The tenant's limits, by the names of its configuration. One that is left out does not exist. */
export interface Limits {
  /** Bytes of one request. */
  message_size?: number;
  /** Feeds of one connection. */
  subscriptions_per_connection?: number;
  /** Requests in a second, with a burst of twice as many. */
  messages_per_second_per_connection?: number;
  /** Bytes of requests in a second, with a burst of twice as many. */
  bytes_per_second_per_connection?: number;
}

/** What the gateway says first: who the client is to it. */
export interface Welcome {
  /** This connection's id. */
  connection: string;
  /** Whose tenant it is. */
  tenant: string;
  /** The string that rules and senders use. */
  user: string;
  /** User as one segment of a channel's name, percent-encoded; left out where it is too long for one. */
  segment?: string;
  /** The gateway's node. */
  node: string;
  /** When the credential ends, and the connection with it, in milliseconds since 1970; left out for never. */
  expires?: number;
  /** How often the gateway pings a quiet client, in milliseconds; 0 for never. */
  pingMs: number;
  /** As they are at this moment; `message_size` stays for the connection. */
  limits: Limits;
  /** What the gateway subscribed this connection to without being asked, and where that begins: everything behind comes. */
  chosen: Chosen[];
}

/** A channel that the gateway subscribes this user to by itself. On a channel that keeps no history it has no position. */
export interface Chosen {
  /** The channel's name. */
  channel: string;
  /** Everything behind it comes. */
  offset?: number;
  /** Of the offset. */
  epoch?: string;
}

/** Reads the first frame; undefined where it is no welcome. */
export function greeting(f: Frame): Welcome | undefined {
  if (f.type !== "welcome") return undefined;
  const { type: _, ping_ms: pingMs = 0, subscriptions: chosen = [], limits = {}, ...who } = f as unknown as Record<string, never>;
  return { ...(who as unknown as Welcome), pingMs, limits, chosen };
}
