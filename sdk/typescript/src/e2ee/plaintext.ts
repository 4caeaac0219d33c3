import { type Bytes, text, utf8 } from "./bytes.js";
import { refuse } from "./errors.js";

/** What can be sealed: bytes, a text, or an object that becomes JSON. */
export type Sealable = Uint8Array | string | object;

/** What somebody said. */
export class Plaintext {
  /** @internal */
  constructor(
    /** Who said it: their signature was verified. */
    readonly user: string,
    /** What they sealed. */
    readonly bytes: Uint8Array,
  ) {}

  /** The bytes as a text. Throws an EncryptionError, `form`, where they are no UTF-8. */
  text(): string {
    try {
      return text(this.bytes as Bytes);
    } catch (cause) {
      refuse("form", `what ${this.user} says is no UTF-8: take its bytes`, cause);
    }
  }

  /** The bytes as JSON. Throws an EncryptionError, `form`, where they are none. */
  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      refuse("form", `what ${this.user} says is no JSON: take its text`, cause);
    }
  }
}

/** The bytes of what is to be sealed, which nobody can change any more. */
export function bytesOf(value: Sealable): Bytes {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  // A function has no JSON.
  const text = typeof value === "string" ? value : (JSON.stringify(value) as string | undefined);
  return text === undefined ? refuse("form", `a ${typeof value} cannot be sealed: seal bytes, a text or an object`) : utf8(text);
}
