import { Sealed } from "../sealed.js";
import { encode, utf8 } from "./bytes.js";
import type { ChannelKey } from "./channelkey.js";
import { Distribution } from "./distribution.js";
import { refuse } from "./errors.js";
import type { Place } from "./grant.js";
import { Reader } from "./history.js";
import type { Identity } from "./identity.js";
import { halved } from "./json.js";
import { Keyring } from "./keyring.js";
import type { Member } from "./member.js";
import { openMessage, type Publication, type Reading, sealMessage } from "./message.js";
import { bytesOf, Plaintext, type Sealable } from "./plaintext.js";
import { Read } from "./replay.js";
import { type Known, Roster } from "./roster.js";
import { Turn } from "./turn.js";
import { random } from "./webcrypto.js";

// Bytes. The gateway's names of channels are no longer, and its users' not either, whatever prefix they have.
const nameLimit = 255;
const userLimit = 2048;

/** What a room is made of. */
export interface RoomOptions {
  /** The tenant, as the gateway's welcome says it. */
  readonly tenant: string;
  /** The channel whose messages are sealed. */
  readonly channel: string;
  /** Me, as the gateway names me. */
  readonly user: string;
  /** My keys. */
  readonly identity: Identity;
  /** From which users the room takes channel keys. */
  readonly distributors: readonly string[];
  /** The clock, in milliseconds since 1970; by default `Date.now`. */
  readonly now?: () => number;
}

/**
 * An encrypted channel, as one member has it. Whatever is asked of it is done in the order of the calls, however few of them are awaited. Its errors are
 * EncryptionErrors.
 *
 * A room keeps nothing beyond its own life. One that is made anew, as by a page that is loaded again, begins a new session and has seen nothing: a gateway
 * could give it once more what the room before it opened.
 */
export class Room {
  readonly #place: Place;
  readonly #identity: Identity;
  readonly #now: () => number;
  readonly #roster: Roster;
  readonly #keyring = new Keyring();
  readonly #distribution: Distribution;
  readonly #turn = new Turn();
  readonly #session = encode(random(16));
  #counter = 0;

  /** Throws an EncryptionError, `form`, where a name is empty or too long, or nobody distributes. */
  constructor({ tenant, channel, user, identity, distributors, now = Date.now }: RoomOptions) {
    mustName("tenant", tenant, nameLimit);
    mustName("channel", channel, nameLimit);
    mustName("user", user, userLimit);
    mustName("distributors", distributors[0], userLimit);
    this.#place = { tenant, channel };
    this.#identity = identity;
    this.#now = now;
    this.#roster = new Roster(tenant, { user, keys: identity.own, expired: () => false });
    this.#distribution = new Distribution(this.#place, identity, [...distributors], this.#roster, this.#keyring, now);
  }

  /** The number of the newest generation that is held; 0 before the first. */
  get generation(): number {
    return this.#keyring.generation;
  }

  /**
   * Makes somebody known, or known for longer: their messages can be opened from now on, and a distributor's next generation has a key for them. Throws an
   * EncryptionError: `tenant` or `expired`.
   */
  add(member: Member): void {
    this.#roster.add(member, this.#now());
  }

  /**
   * Makes a new channel key and gives it to all who were added, were not removed and whose assertion has not expired. What it resolves to is the grant, for
   * all of them; this room holds it already. Only for a distributor, else `distributor`.
   */
  generate(): Promise<string> {
    return this.#turn.take(() => this.#distribution.generate());
  }

  /**
   * Takes a user's identities out, and makes a generation without them. Until all have accepted it they seal with a key that the user has. Only for a
   * distributor, else `distributor`, also for taking oneself out; `not_member` for whom nobody added.
   */
  remove(user: string): Promise<string> {
    const leaving = this.#roster.of(user);
    return this.#turn.take(() => this.#distribution.remove(user, leaving));
  }

  /**
   * Takes a channel key from a grant, however it came here. The same grant again has no effect. Rejects with `form`, `tenant`, `channel`, `distributor`,
   * `expired`, `signature`, `rollback`, `not_member`, `tampered` or `key`.
   */
  accept(grant: unknown): Promise<void> {
    return this.#turn.take(() => this.#distribution.accept(grant));
  }

  /**
   * Seals bytes, a text, or an object as JSON, for the client's `publish`. Rejects with `key` before the first generation, and with `expired` once that has
   * served 24 hours or 2^28 messages, or while somebody who was removed has it.
   */
  async seal(value: Sealable): Promise<Sealed> {
    const plaintext = bytesOf(value);
    return this.#turn.take(async () => {
      const key = this.#sealing();
      // Before anything is awaited: what fails has used its counter up.
      const counter = ++this.#counter;
      key.serve();
      const by = { user: this.#roster.me.user, identity: this.#identity, session: this.#session, counter };
      return new Sealed(await sealMessage(this.#place, key, by, plaintext));
    });
  }

  /**
   * Opens a message that came live, once. Rejects with `form`, `plaintext`, `tenant`, `channel`, `key`, `tampered`, `sender`, `expired`, `signature` or
   * `replay`; what is refused was not said in this room.
   */
  open(message: Publication): Promise<Plaintext> {
    return this.#open(message, {
      key: (id) => this.#keyring.live(id, this.#now()),
      sender: this.#sender,
      isNew: (key, by, session, counter) => {
        // Under the generation before the newest too: whoever was removed is mute at once.
        if (!this.#keyring.newest?.has(by) || this.#roster.removed.has(by)) refuse("sender", `${by.user} is no member any more`);
        return key.seen.take(by.keys.sign, session, counter);
      },
    });
  }

  /** A reading of what the channel keeps: of every generation that is held, in any order, each message once. For another reading take another reader. */
  history(): Reader {
    const read = new Read();
    return new Reader((message) =>
      this.#open(message, {
        key: (id) => this.#keyring.any(id),
        sender: this.#sender,
        isNew: (key, by, session, counter) => read.take(key.terms.key, by.keys.sign, session, counter),
      }),
    );
  }

  #open({ data, encryption, from }: Publication, reading: Reading): Promise<Plaintext> {
    return this.#turn.take(async () => {
      const { user, plaintext } = await openMessage(this.#place, { data, encryption, from }, reading);
      return new Plaintext(user, plaintext);
    });
  }

  #sender = (user: string, sign: string, key: ChannelKey): Known => {
    const known = this.#roster.find(user, sign);
    if (!known) refuse("sender", `nobody knows ${user} by this key: add the member whom the issuer vouches for`);
    if (!key.has(known)) refuse("sender", `generation ${key.terms.generation} was not given to ${user}`);
    if (known.expired(this.#now())) refuse("expired", `the assertion of ${user} has expired: add the member of a new one`);
    return known;
  };

  #sealing(): ChannelKey {
    const key = this.#keyring.newest;
    if (!key) refuse("key", "the room holds no key yet: accept a grant, or generate one");
    if (this.#distribution.isBetrayed(key)) refuse("expired", "somebody was removed who has the newest key: a distributor must generate a new one");
    const spent = key.spent(this.#now());
    if (spent) refuse("expired", `the key of generation ${key.terms.generation} has served its ${spent}: a distributor must generate a new one`);
    return key;
  }
}

function mustName(option: string, value: string | undefined, limit: number): void {
  if (value && !halved(value) && utf8(value).length <= limit) return;
  refuse("form", `${option} is ${JSON.stringify(value)}, and must be a text of 1 to ${limit} bytes: give it as the gateway names it`);
}
