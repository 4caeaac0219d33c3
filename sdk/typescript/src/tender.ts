import { CloseError } from "./errors.js";
import type { Connection } from "./connection.js";
import type { Feeds } from "./feeds.js";
import type { Subscription } from "./subscription.js";
import { Alarm } from "./time.js";
import { bytes } from "./wire.js";

/** Bounds a batch of requests. A user's rate is not told: it becomes smaller when the gateway ended a connection because it was asked too often. */
export class Pace {
  #most = 128;

  learn(error: Error): void {
    if (error instanceof CloseError && error.code === 4103) this.#most = Math.max(1, this.#most >> 1);
  }

  /** A second's worth, half of what the gateway bears at once. */
  of(connection: Connection): number {
    return Math.min(connection.welcome.limits.messages_per_second_per_connection || Infinity, this.#most);
  }
}

/** Asks for what the feeds need while one connection lasts. */
export class Tender {
  readonly #connection: Connection;
  readonly #feeds: Feeds;
  readonly #pace: Pace;
  readonly #again = new Alarm();
  #busy = false;
  #notBefore = 0; // no batch before, by performance.now()

  constructor(connection: Connection, feeds: Feeds, pace: Pace) {
    this.#connection = connection;
    this.#feeds = feeds;
    this.#pace = pace;
  }

  /** Settles soon: what is asked for at one moment goes out together. */
  poke(): void {
    queueMicrotask(() => void this.#settle());
  }

  stop(): void {
    this.#again.stop();
  }

  /** Subscribes and unsubscribes what is to be, batch by batch, and says when it wants to be called again. */
  async #settle(): Promise<void> {
    if (this.#busy) return; // it will look again
    this.#busy = true;
    let wait = 0;
    while (!this.#connection.error) {
      const pause = this.#notBefore - performance.now();
      if ((wait = Math.max(pause, 0)) > 0) break;
      const most = this.#pace.of(this.#connection);
      const found = this.#feeds.batch(most);
      if (found.batch.length === 0) {
        wait = found.wait;
        break;
      }
      await this.#ask(found.batch);
      if (found.batch.length === most) this.#notBefore = performance.now() + 1000; // more at once would be above the tenant's rate
    }
    this.#busy = false;
    if (wait > 0 && !this.#connection.error) this.#again.set(wait, () => void this.#settle());
  }

  /** Sends a batch in as few frames as message_size allows, and waits for the answers. */
  async #ask(batch: Subscription[]): Promise<void> {
    const most = this.#connection.welcome.limits.message_size || Infinity;
    const answers: Promise<void>[] = [];
    let text = "";
    for (const f of batch) {
      const one = this.#prepare(f, answers);
      if (text && one && bytes(text) + 1 + bytes(one) > most) {
        this.#connection.transmit(text);
        text = "";
      }
      text += text && one ? "\n" + one : one;
    }
    if (text) this.#connection.transmit(text);
    await Promise.all(answers);
  }

  /** Writes a feed's request. One that cannot be written is a feed that ends: no connection would take it. */
  #prepare(f: Subscription, answers: Promise<void>[]): string {
    const { request, answered } = this.#feeds.ask(f);
    let done!: () => void;
    const answer = new Promise<void>((resolve) => (done = resolve));
    try {
      const { text } = this.#connection.prepare(request, (a) => {
        if (a) answered(a);
        done();
      });
      answers.push(answer);
      return text;
    } catch (error) {
      this.#feeds.drop(f, error as Error);
      return "";
    }
  }
}
