import { type Bytes, encode, utf8 } from "./bytes.js";
import { hkdf } from "./hpke.js";
import { person } from "./keys.js";
import { Seen } from "./replay.js";
import type { Known } from "./roster.js";
import { subtle } from "./webcrypto.js";

/** Seconds for which a key seals. */
const life = 24 * 60 * 60;

/** How many messages a key serves: far from where random IVs meet (NIST SP 800-38D, section 8.3, has 2^32). */
const most = 2 ** 28;

/** The bytes of a channel key. */
export const keyLength = 32;

/** The id of a channel key. It commits to the key: nobody finds two keys with one id, and so no text that two members open to different things. */
export const keyId = async (key: Bytes): Promise<string> => encode(await hkdf(key, utf8("portcullis-e2ee/1 kid")));

/** Somebody to whom a generation's key was given. */
export interface Recipient {
  readonly user: string;
  /** The id of the Ed25519 key. */
  readonly sign: string;
  /** The id of the X25519 key. */
  readonly to: string;
}

/** What a grant says of a channel key. */
export interface Terms {
  /** The id of the channel key. */
  readonly key: string;
  readonly generation: number;
  /** Seconds since 1970. */
  readonly created: number;
}

/** A channel key that the room holds. The key itself stays in WebCrypto. */
export class ChannelKey {
  seen = new Seen();
  /** Messages that were sealed and opened with it. */
  served = 0;

  private constructor(
    readonly terms: Terms,
    readonly members: ReadonlySet<string>,
    /** Tells its grant from every other. */
    readonly grant: string,
    readonly cipher: CryptoKey,
  ) {}

  static async of(terms: Terms, members: readonly Recipient[], grant: string, key: Bytes): Promise<ChannelKey> {
    const cipher = await subtle().importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
    return new ChannelKey(terms, new Set(members.map(({ user, sign }) => person(user, sign))), grant, cipher);
  }

  /** Whether it was given to them. */
  has({ user, keys }: Known): boolean {
    return this.members.has(person(user, keys.sign));
  }

  /** What was seen live. */
  forget(): void {
    this.seen = new Seen();
  }

  serve(): void {
    this.served++;
  }

  /** Why it seals nothing more, or nothing where it does. */
  spent(now: number): string | undefined {
    if (now / 1000 - this.terms.created >= life) return "24 hours";
    return this.served >= most ? `${most} messages` : undefined;
  }
}
