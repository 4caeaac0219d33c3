/**
 * End-to-end encryption: the gateway relays what it cannot read. The format and what it protects stand in `docs/encryption.md`.
 *
 * @packageDocumentation
 */
export { EncryptionError, type Reason, UnsupportedError } from "./errors.js";
export type { Reader } from "./history.js";
export { Identity, type IdentityPairs } from "./identity.js";
export { Issuer, type IssuerOptions } from "./issuer.js";
export type { PublicJwk } from "./keys.js";
export type { JwkSet } from "./keyset.js";
export type { Member } from "./member.js";
export type { Publication } from "./message.js";
export type { Plaintext, Sealable } from "./plaintext.js";
export type { Sealed } from "../sealed.js";
export { Room, type RoomOptions } from "./room.js";
