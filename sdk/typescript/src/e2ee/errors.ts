/**
 * Why something was not sealed, opened or believed. The set is closed:
 *
 * - `form`: it is no message, no grant or no identity of this format.
 * - `plaintext`: it is not encrypted, and this room takes nothing else.
 * - `tenant`, `channel`: it was made for another one.
 * - `key`: the room does not hold the key, or takes nothing new under it any more.
 * - `tampered`: it was changed on its way, or was wrapped for somebody else.
 * - `sender`: nobody knows who says it, or it is another than the gateway says.
 * - `expired`: the key, or the assertion of the member, is past its time.
 * - `signature`: the member whose name it bears did not sign it.
 * - `replay`: it was opened before, or might have been.
 * - `distributor`: this user does not give keys to this room.
 * - `rollback`: a grant that contradicts one that was accepted.
 * - `not_member`: the grant has no key for this identity.
 * - `assertion`: the issuer does not say this, or not in this form.
 */
export type Reason =
  | "form"
  | "plaintext"
  | "tenant"
  | "channel"
  | "key"
  | "tampered"
  | "sender"
  | "expired"
  | "signature"
  | "replay"
  | "distributor"
  | "rollback"
  | "not_member"
  | "assertion";

/** A refusal of the end-to-end encryption. Its text names what was refused and the remedy, and never what was said or a key. */
export class EncryptionError extends Error {
  /** `EncryptionError`. */
  override readonly name = "EncryptionError";
  constructor(
    /** For programs. */
    readonly reason: Reason,
    /** For people. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${reason}: ${detail}`, options);
  }
}

/** An algorithm that this browser, or this page, does not have. */
export class UnsupportedError extends Error {
  /** `UnsupportedError`. */
  override readonly name = "UnsupportedError";
  constructor(
    /** Such as `X25519`. */
    readonly algorithm: string,
    options?: ErrorOptions,
  ) {
    super(
      algorithm === "WebCrypto"
        ? "this page has no WebCrypto, because it was not loaded over https: serve it over https, or from localhost"
        : `this browser has no ${algorithm} in WebCrypto: it needs Chrome or Edge 137, Firefox 130, Safari 17 or Node.js 20, or later ones`,
      options,
    );
  }
}

/** @internal */
export function refuse(reason: Reason, detail: string, cause?: unknown): never {
  throw new EncryptionError(reason, detail, cause === undefined ? undefined : { cause });
}
