// The vectors of api/vectors/e2ee, which Go wrote; its README.md says what they are.
import { readFileSync } from "node:fs";
import { Identity, Issuer, type JwkSet, type Plaintext, type Reader, Room } from "../../src/e2ee/index.js";
import { Clock } from "./world.js";

export interface RoomVector {
  readonly tenant: string;
  readonly channel: string;
  readonly user: string;
  readonly distributors: string[];
  readonly members: string[];
}

export interface Step {
  readonly name?: string;
  readonly kind: "message" | "history" | "grant" | "assertion";
  readonly now: number;
  readonly data?: unknown;
  readonly encryption?: string;
  readonly user?: string;
  readonly plaintext?: string;
  readonly text?: string;
}

interface Identities {
  readonly now: number;
  readonly tenant: string;
  readonly issuer: string;
  readonly issuer_keys: JwkSet;
  readonly members: Record<string, { user: string; identity: object; sign: string; agree: string; assertion: string }>;
  readonly assertions: { name: string; text: string; prefix?: string; user: string; ends: number }[];
}

export const folder = new URL("../../../../../api/vectors/e2ee/", import.meta.url);

export const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as T;

export const given = load<Identities>("identities.json");

export interface GrantVector {
  readonly name: string;
  readonly room: RoomVector;
  readonly text: string;
  readonly key: string;
  readonly kid: string;
  readonly generation: number;
  readonly wraps: { user: string; info: string; wrapped: string }[];
  readonly message: Step;
}

export const grants = load<GrantVector[]>("grants.json");

export const identity = (name: string, options = {}): Promise<Identity> => Identity.parse(JSON.stringify(given.members[name]?.identity), options);

/** A room of the vectors, and the clock that it reads. */
export class Scene {
  readonly clock = new Clock();
  #room: Room | undefined;
  #history: Reader | undefined;

  constructor() {
    this.clock.now = given.now * 1000;
  }

  issuer(prefix = ""): Issuer {
    return new Issuer({ issuer: given.issuer, tenant: given.tenant, prefix, keys: given.issuer_keys, now: this.clock.read });
  }

  async enter(vector: RoomVector): Promise<Room> {
    const room = new Room({ ...vector, identity: await identity(vector.user), now: this.clock.read });
    for (const name of vector.members) room.add(await this.issuer().verify(given.members[name]?.assertion as string));
    this.#room = room;
    this.#history = room.history();
    return room;
  }

  async bring(step: Step): Promise<Plaintext | undefined> {
    this.clock.now = Math.max(this.clock.now, step.now * 1000);
    const message = { data: step.data, encryption: step.encryption, from: { user: step.user } };
    switch (step.kind) {
      case "message":
        return this.#room?.open(message);
      case "history":
        return this.#history?.open(message);
      case "grant":
        return void (await this.#room?.accept(step.text));
      case "assertion":
        return void (await this.issuer().verify(step.text as string));
    }
  }
}
