/** A text that is encrypted end to end, for `publish`. It stands alone, because encryption makes it and the client takes it, and neither needs the other. */
export class Sealed {
  constructor(
    /** JWE in its compact form. */
    readonly text: string,
  ) {}
}
