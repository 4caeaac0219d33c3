import type { ChannelKey, Terms } from "./channelkey.js";
import { refuse } from "./errors.js";

const limit = 64; // generations
const grace = 60_000; // ms that the generation before is good for live messages

/** The generations of channel keys that a room holds. */
export class Keyring {
  readonly #held = new Map<number, ChannelKey>();
  #newest: ChannelKey | undefined;
  // The one that was the newest until #since, in milliseconds since 1970.
  #before: ChannelKey | undefined;
  #since = 0;

  /** The one that seals. */
  get newest(): ChannelKey | undefined {
    return this.#newest;
  }

  /** Its number; 0 where there is none. */
  get generation(): number {
    return this.#newest?.terms.generation ?? 0;
  }

  /** Whether the grant is new here. Throws an EncryptionError, `rollback`, where it contradicts what is held. */
  isNew({ generation, key }: Terms, grant: string): boolean {
    const held = this.#held.get(generation);
    if (held?.grant === grant) return false;
    const say = (what: string) => refuse("rollback", `${what}: somebody brings back an old one, or two distributors work at once; ask for a new generation`);
    if (held) say(`there is another grant of generation ${generation}`);
    if (this.#named(key)) say(`the key of generation ${generation} was that of another one`);
    if (this.#held.size >= limit && generation < Math.min(...this.#held.keys())) say(`generation ${generation} is older than the ${limit} that are held`);
    return true;
  }

  add(key: ChannelKey, now: number): void {
    const { generation } = key.terms;
    this.#held.set(generation, key);
    if (generation > this.generation) {
      // It never comes live again.
      this.#before?.forget();
      this.#before = this.#newest;
      this.#newest = key;
      this.#since = now;
    }
    if (this.#held.size > limit) this.#held.delete(Math.min(...this.#held.keys()));
  }

  /** The key for a live message. */
  live(id: string, now: number): ChannelKey {
    if (this.#newest?.terms.key === id) return this.#newest;
    if (this.#before?.terms.key === id && now - this.#since < grace) return this.#before;
    return this.#named(id) ? refuse("key", "its key is that of an older generation: only history() opens it") : unknown();
  }

  /** The key for a message of history. */
  any(id: string): ChannelKey {
    return this.#named(id) ?? unknown();
  }

  #named(id: string): ChannelKey | undefined {
    for (const key of this.#held.values()) if (key.terms.key === id) return key;
    return undefined;
  }
}

const unknown = (): never => refuse("key", "the room does not hold its key: accept the grant of its generation first");
