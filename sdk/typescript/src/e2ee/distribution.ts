import { encode, utf8 } from "./bytes.js";
import { ChannelKey, keyId, keyLength } from "./channelkey.js";
import { refuse } from "./errors.js";
import { type Place, readGrant, takeKey, writeGrant } from "./grant.js";
import type { Identity } from "./identity.js";
import { isWhole } from "./json.js";
import { verifyJws } from "./jws.js";
import type { Keyring } from "./keyring.js";
import type { Roster } from "./roster.js";
import { random, sha256 } from "./webcrypto.js";

const ahead = 60; // s that a distributor's clock may be before this one

/** How channel keys come into a room's keyring: made here, or taken from a grant. */
export class Distribution {
  // The generation at which somebody was last removed. They may have it on a device that is not known here.
  #left = -1;

  constructor(
    readonly place: Place,
    readonly identity: Identity,
    readonly distributors: readonly string[],
    readonly roster: Roster,
    readonly keyring: Keyring,
    readonly now: () => number,
  ) {}

  /** Whether somebody who was removed may have this key. */
  isBetrayed(key: ChannelKey): boolean {
    return key.terms.generation === this.#left || [...this.roster.removed].some((known) => key.has(known));
  }

  async generate(): Promise<string> {
    this.#mustDistribute();
    const generation = this.keyring.generation + 1;
    if (!isWhole(generation)) refuse("expired", `the generations of this channel are used up, because somebody gave one the number ${generation - 1}: begin another channel`);
    const now = this.now();
    const members = this.roster.present().filter((known) => !known.expired(now));
    const bytes = random(keyLength);
    const terms = { key: await keyId(bytes), generation, created: Math.floor(now / 1000) };
    const grant = await writeGrant(this.place, terms, bytes, this.identity, members);
    const recipients = members.map(({ user, keys: { sign, to } }) => ({ user, sign, to }));
    this.keyring.add(await ChannelKey.of(terms, recipients, await digest(grant), bytes), now);
    return grant;
  }

  async remove(user: string, leaving: ReturnType<Roster["of"]>): Promise<string> {
    this.#mustDistribute();
    if (user === this.roster.me.user) refuse("distributor", "a distributor does not remove itself: another one must");
    if (leaving.length === 0) refuse("not_member", `${user} is no member, and cannot be removed`);
    for (const known of leaving) this.roster.remove(known);
    this.#left = this.keyring.generation;
    return this.generate();
  }

  async accept(text: unknown): Promise<void> {
    const { jws, signer, payload } = readGrant(text);
    const { tenant, channel } = this.place;
    if (payload.tenant !== tenant) refuse("tenant", `the grant is for another tenant than ${tenant}`);
    if (payload.channel !== channel) refuse("channel", `the grant is for another channel than ${channel}`);
    const by = this.roster.present().find((known) => known.keys.sign === signer && this.distributors.includes(known.user));
    if (!by) refuse("distributor", "no distributor that is known here signed the grant: add the member, if it is one");
    if (by.expired(this.now())) refuse("expired", `the assertion of ${by.user} has expired: add the member of a new one`);
    if (!(await verifyJws(by.keys.verifier, jws))) refuse("signature", `${by.user} did not sign the grant`);
    if (payload.created > this.now() / 1000 + ahead) refuse("expired", "the grant is from the future: set the clock right");
    const name = await digest(text as string);
    if (!this.keyring.isNew(payload, name)) return;
    const { newest, generation } = this.keyring;
    if (newest && payload.generation > generation && !newest.has(by)) {
      refuse("distributor", `${by.user} gives generation ${payload.generation}, and is not on the list of generation ${generation}: somebody took them out`);
    }
    const key = await takeKey(payload, this.roster.me.user, this.identity);
    this.keyring.add(await ChannelKey.of(payload, payload.members, name, key), this.now());
  }

  #mustDistribute(): void {
    const { user } = this.roster.me;
    if (!this.distributors.includes(user)) refuse("distributor", `${user} is not among the distributors of this room: one of them must do it`);
  }
}

// Two grants are the same if their texts are.
const digest = async (grant: string): Promise<string> => encode(await sha256(utf8(grant)));
