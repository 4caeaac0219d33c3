import type { Frame, Member } from "./wire.js";

/** Who is on a channel. */
export interface Presence {
  /** Of connections. */
  count: number;
  /** In no order; left out in a crowd, of which only the count is told. */
  members?: Member[];
}

/** A user's first connection came, or their last one has been gone for some seconds. */
export interface ComingOrGoing {
  /** Which of the two. */
  kind: "join" | "leave";
  /** The user, and the connection that it is about. */
  member: Member;
}

/**
 * What was known is old, after a connection was replaced too and where a full feed dropped some, and joins and leaves are told from here on. Ask `presence`.
 */
export interface Anew {
  /** What tells the events apart. */
  kind: "anew";
}

/** Joins and leaves are not told any more; in a crowd until `anew`, with a code never again. */
export interface Untold {
  /** What tells the events apart. */
  kind: "untold";
  /** How many connections the crowd has. */
  count?: number;
  /** Where it is about this client: `forbidden` or `not_available`. */
  code?: string;
}

/** What a channel tells of its users. */
export type PresenceEvent = ComingOrGoing | Anew | Untold;

/** Reads what the gateway tells of a channel's users. */
export function presenceEvent(f: Frame): PresenceEvent {
  if (f.type !== "join_leave") return { kind: f.type as "join" | "leave", member: f.member };
  if (f.told) return { kind: "anew" };
  return { kind: "untold", ...(f.count !== undefined && { count: f.count }), ...(f.code && { code: f.code }) };
}

/** What remains to be told when e is dropped behind others that were: whether joins and leaves are told, and that some were not. */
export function dropped(e: PresenceEvent, before: PresenceEvent | undefined): PresenceEvent {
  return e.kind === "anew" || e.kind === "untold" ? e : (before ?? { kind: "anew" });
}
