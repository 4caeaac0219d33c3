import type { PublicKeys } from "./keys.js";

/** Seconds that clocks may differ. */
export const leeway = 30;

/** Somebody whose keys an issuer has vouched for. Only `Issuer.verify` makes one. */
export class Member {
  // Private to the language: whatever merely looks like a member is none.
  readonly #keys: PublicKeys;

  /** @internal */
  constructor(
    /** Of whose rooms it can be a member. */
    readonly tenant: string,
    /** As the gateway names them. */
    readonly user: string,
    /** When the assertion ends, in milliseconds since 1970; until 30 s later the member is believed. */
    readonly expires: number,
    keys: PublicKeys,
  ) {
    this.#keys = keys;
  }

  /** @internal */
  get keys(): PublicKeys {
    return this.#keys;
  }

  /** @internal */
  expired(now: number): boolean {
    return now >= this.expires + leeway * 1000;
  }
}
