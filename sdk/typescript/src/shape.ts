import type { Frame } from "./wire.js";

/** Whether a value is what a member of a frame may be. */
type Test = (value: any) => boolean;

const moment: Test = Number.isFinite; // some say "never" with an end in a million years
const count: Test = (value) => Number.isSafeInteger(value) && value >= 0; // beyond 2^53 two numbers would be one
const text: Test = (value) => typeof value === "string";
const flag: Test = (value) => typeof value === "boolean";
const list = (one: Test): Test => (value) => Array.isArray(value) && value.every(one);

/** An object whose members are as the tests want them where they are there; the needed ones are. Of members that no test is for, newer gateways may tell. */
function object(tests: { [name: string]: Test }, ...needed: string[]): Test {
  const all = Object.entries(tests);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    needed.every((name) => Object.hasOwn(value, name)) &&
    all.every(([name, test]) => !Object.hasOwn(value, name) || test(value[name]));
}

const place = { channel: text, offset: count, epoch: text };
const member = object({ user: text, connection: text }, "user");
const publication = { ...place, base64: text, encryption: text, time: moment, from: member };
const limits = { message_size: count, subscriptions_per_connection: count, messages_per_second_per_connection: count, bytes_per_second_per_connection: count };

const frame = object(
  {
    ...publication,
    type: text,
    id: count,
    code: text,
    message: text,
    retry_ms: count,
    recovered: flag,
    duplicate: flag,
    reason: text,
    after: count,
    before: count,
    messages: list(object(publication, "from")),
    more: flag,
    member,
    members: list(member),
    count,
    told: flag,
    expires: moment,
    connection: text,
    tenant: text,
    user: text,
    segment: text,
    node: text,
    ping_ms: count,
    limits: object(limits),
    subscriptions: list(object(place, "channel")),
  },
  "type",
);

const needed: { [type: string]: Test } = {
  welcome: object({}, "connection", "tenant", "user"),
  error: object({}, "code"),
  message: object({}, "channel", "from"),
  join: object({}, "channel", "member"),
  leave: object({}, "channel", "member"),
};

/** Whether a value is a frame: what a gateway says of another type than it promised would break, far from here, whoever takes it for what it is not. */
export function isFrame(value: unknown): value is Frame {
  return frame(value) && (needed[(value as Frame).type]?.(value) ?? true);
}
