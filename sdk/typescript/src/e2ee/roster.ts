import { refuse } from "./errors.js";
import { person, type PublicKeys } from "./keys.js";
import { Member } from "./member.js";

/** Somebody whom the room knows. */
export interface Known {
  readonly user: string;
  readonly keys: PublicKeys;
  expired(now: number): boolean;
}

/** Whom a room knows: each by the user and the key together, so that nobody speaks for another by showing that one's public key as their own. */
export class Roster {
  readonly #known = new Map<string, Known>();
  // Still known, because history has what they said.
  readonly #removed = new Set<Known>();

  constructor(
    readonly tenant: string,
    readonly me: Known,
  ) {
    this.#known.set(person(me.user, me.keys.sign), me);
  }

  /** Adding them again gives them the later end of the two assertions. */
  add(member: Member, now: number): void {
    if (member.tenant !== this.tenant) refuse("tenant", `${member.user} is a member of another tenant than ${this.tenant}`);
    if (member.expired(now)) refuse("expired", `the assertion of ${member.user} has expired: ask the backend for a new one`);
    const name = person(member.user, member.keys.sign);
    const known = this.#known.get(name);
    if (known === this.me) return;
    if (known instanceof Member && !this.#removed.delete(known) && known.expires > member.expires) return;
    this.#known.set(name, member);
  }

  /** Those of the user who were not removed yet. */
  of(user: string): Known[] {
    return this.present().filter((known) => known.user === user);
  }

  remove(known: Known): void {
    this.#removed.add(known);
  }

  present(): Known[] {
    return [...this.#known.values()].filter((known) => !this.#removed.has(known));
  }

  get removed(): ReadonlySet<Known> {
    return this.#removed;
  }

  /** Whoever has this key and is this user, or undefined. */
  find(user: string, sign: string): Known | undefined {
    return this.#known.get(person(user, sign));
  }
}
