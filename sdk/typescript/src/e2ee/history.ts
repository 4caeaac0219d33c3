import type { Publication } from "./message.js";
import type { Plaintext } from "./plaintext.js";

/** One reading of a channel's history. It opens each message once, 65,536 of them at most; then it says `replay`. */
export class Reader {
  /** @internal */
  constructor(
    /** Opens a message that the channel kept. Rejects as `Room.open` does. */
    readonly open: (message: Publication) => Promise<Plaintext>,
  ) {}
}
