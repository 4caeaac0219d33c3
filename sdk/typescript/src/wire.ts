import { RequestError } from "./errors.js";

/** What both sides speak (docs/protocol.md of the gateway). */
export const subprotocol = "portcullis.v1.json";

/** A place in a channel that keeps history. */
export interface Position {
  /** Grows within an epoch, and may leave numbers out. */
  offset: number;
  /** Of the numbering: offsets of two epochs have no order. */
  epoch: string;
}

/** Who published. The gateway vouches for it. */
export interface Sender {
  /** The string that rules use. */
  user: string;
  /** Left out when the publisher had no connection. */
  connection?: string;
}

/** What somebody published on a channel. */
export interface Message {
  /** Where it was published. */
  channel: string;
  /** Who published it. */
  from: Sender;
  /** When the gateway accepted it, in milliseconds since 1970. */
  time: number;
  /** The JSON value that was published; undefined where bytes were. Numbers beyond 2^53 lose digits, as everywhere in JSON.parse. */
  data: unknown;
  /** The bytes that were published, in place of data. */
  binary?: Uint8Array;
  /** Data is a text that is encrypted end to end: JWE, which the room's members can open. */
  encryption?: "jwe";
  /** On a channel that keeps history: where the message stands, and what a feed can continue from. */
  position?: Position;
}

/** One connection of a user on a channel. */
export interface Member {
  /** The string that rules use. */
  user: string;
  /** The connection's id. */
  connection: string;
  /** What the tenant tells of the user, any JSON value; left out where that is nothing. */
  info?: unknown;
}

/** What the gateway sends after its welcome. Members that a type does not have are left out. */
export interface Frame extends Partial<Position> {
  type: string;
  id?: number;
  channel: string;
  data?: unknown;
  base64?: string;
  encryption?: "jwe";
  time: number;
  from: Sender;
  code: string;
  message: string;
  retry_ms?: number;
  recovered?: boolean;
  duplicate?: boolean;
  reason?: string;
  after?: number;
  before?: number;
  messages?: Frame[];
  more?: boolean;
  member: Member;
  members?: Member[];
  count?: number;
  told?: boolean;
  expires: number;
}

/** A request, without its id. */
export interface Request {
  type: string;
  channel?: string;
  /** JSON, as it goes out. */
  raw?: string;
  base64?: string;
  encryption?: "jwe";
  idempotency_key?: string | undefined;
  since?: Position;
  strict?: boolean;
  join_leave?: boolean;
  limit?: number;
  reverse?: boolean;
  token?: string;
}

/** A request as text. The id stands before the data, so that a gateway that stumbles over the data knows whom to answer. */
export function spell(id: number, { type, raw, ...rest }: Request): string {
  const head = JSON.stringify({ type, id, ...rest });
  return raw === undefined ? head : `${head.slice(0, -1)},"data":${raw}}`;
}

/** How long a text is in UTF-8. */
export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Data as JSON. */
export function json(data: unknown): string {
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError(`${typeof data} is no JSON value: publish an object, a list, a string, a number, a boolean, null, or a Uint8Array`);
  return text;
}

/** The error that a frame answers with, undefined for an ok. */
export function fault(f: Frame): RequestError | undefined {
  return f.type === "ok" ? undefined : new RequestError(f.code, f.message, f.retry_ms);
}

/** What a frame says of a publication. */
export function message(f: Frame, channel: string, epoch: string | undefined): Message {
  const m: Message = { channel, from: f.from, time: f.time, data: f.data };
  if (f.base64 !== undefined) m.binary = Uint8Array.from(atob(f.base64), (c) => c.charCodeAt(0));
  if (f.encryption) m.encryption = f.encryption;
  if (f.offset && epoch) m.position = { offset: f.offset, epoch };
  return m;
}

/** Bytes in base64, with padding (RFC 4648, section 4). */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
}
