// What the compiler must say of programs that use the encryption; nothing here runs.
import { EncryptionError, Identity, Issuer, type Member, type Plaintext, type PublicJwk, type Reader, type Reason, Room, type Sealed } from "@portcullis/client/e2ee";

export async function right(): Promise<void> {
  const identity: Identity = await Identity.generate();
  const keys: readonly [PublicJwk, PublicJwk] = identity.keys;
  const issuer = new Issuer({ issuer: "https://id.example", tenant: "acme", keys: "https://id.example/jwks", prefix: "partner:" });
  const member: Member = await issuer.verify("e30.e30.AA");
  const room = new Room({ tenant: "acme", channel: "room:1", user: "ana", identity, distributors: ["ana"] });
  room.add(member);
  const grant: string = await room.generate();
  await room.accept(grant);
  const sealed: Sealed = await room.seal({ text: "hi", n: keys.length });
  const message: { channel: string; time: number; data: unknown; encryption?: "jwe"; from: { user: string; connection?: string } } = {
    channel: "room:1", time: 1, data: sealed.text, encryption: "jwe", from: { user: "ana" },
  };
  const plaintext: Plaintext = await room.open(message);
  const bytes: Uint8Array = plaintext.bytes;
  await room.seal(bytes);
  const reader: Reader = room.history();
  await reader.open(message);
}

export async function wrong(room: Room, identity: Identity, plaintext: Plaintext): Promise<void> {
  // @ts-expect-error: a number is neither bytes, a text nor an object
  await room.seal(1);
  // @ts-expect-error: nothing is not either
  await room.seal(undefined);
  // @ts-expect-error: only an issuer makes members
  room.add({ tenant: "acme", user: "ana", expires: 1 });
  // @ts-expect-error: a room has distributors
  new Room({ tenant: "acme", channel: "room:1", user: "ana", identity });
  // @ts-expect-error: an identity is generated, parsed or made of pairs
  new Identity();
  // @ts-expect-error: what is the package's own is in no type
  identity.own;
  // @ts-expect-error: what JSON is must be looked at first
  plaintext.json().text;
  // @ts-expect-error: an issuer has keys
  new Issuer({ issuer: "https://id.example", tenant: "acme" });
  // @ts-expect-error: a reading has no seal
  await room.history().seal("x");
}

/** The reasons are a closed set: a switch over them needs no default. */
export function closed(error: EncryptionError): string {
  const said: { readonly [reason in Reason]: string } = {
    form: "", plaintext: "", tenant: "", channel: "", key: "", tampered: "", sender: "", expired: "", signature: "", replay: "", distributor: "", rollback: "",
    not_member: "", assertion: "",
  };
  return said[error.reason];
}
