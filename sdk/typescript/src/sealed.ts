/**
 * A text that is encrypted end to end. `Room.seal` makes it, or {@link sealed}. It stands alone, so that the client and the encryption, which know nothing of
 * each other, have one.
 */
export class Sealed {
  constructor(
    /** JWE in its compact form. */
    readonly text: string,
  ) {}
}

/** Has publish send a text as what it is: encrypted end to end, which the gateway relays and cannot read. */
export function sealed(text: string): Sealed {
  return new Sealed(text);
}
