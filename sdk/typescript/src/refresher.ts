import { bounded } from "./bell.js";
import type { Connection } from "./connection.js";
import { tokenOf, type TokenSource } from "./credential.js";
import { RequestError } from "./errors.js";
import { Alarm, longestTimer } from "./time.js";
import { fault } from "./wire.js";

/** How long before its end a credential is refreshed where the gateway says nothing; it does at a minute before. */
const before = 45_000;
/** The least pause between two refreshes. After one that failed the connection goes on with what it had. */
const again = 10_000;
/** Bounds one refresh, the call of the source too. */
const attemptBy = 30_000;

/** Puts a new token in the place of the one that ends, while one connection lasts. */
export class Refresher {
  readonly #connection: Connection;
  readonly #source: TokenSource;
  readonly #failed: (error: Error) => void;
  readonly #alarm = new Alarm();
  readonly #life = new AbortController();
  #busy = false;
  #begun = -Infinity; // the last one, by performance.now()
  #over = false; // the session's credential cannot be refreshed

  constructor(connection: Connection, source: TokenSource, failed: (error: Error) => void) {
    this.#connection = connection;
    this.#source = source;
    this.#failed = failed;
    this.#plan(connection.welcome.expires, 0);
  }

  /** Sets the time of the next refresh. Clocks that are ahead of the gateway's do not make it refresh without end. */
  #plan(expires: number | undefined, least: number): void {
    if (!expires) return;
    const left = expires - Date.now();
    const wait = Math.max(left - Math.min(before, left / 4), least);
    this.#alarm.set(wait, () => (wait > longestTimer ? this.#plan(expires, least) : this.begin()));
  }

  /** Refreshes now, or where the gateway says so again and again, when the pause is over. */
  begin(): void {
    if (this.#busy || this.#over) return;
    const rest = this.#begun + again - performance.now();
    if (rest > 0) return this.#alarm.set(rest, () => this.begin());
    this.#busy = true;
    this.#begun = performance.now();
    const done = () => (this.#busy = false);
    bounded(attemptBy, "refresh: no token and no answer came within 30 s", this.#life.signal, (signal) => this.#refresh(signal)).then(
      (expires) => (done(), this.#plan(expires, again)),
      (error: Error) => (done(), this.#retry(error)),
    );
  }

  async #refresh(signal: AbortSignal): Promise<number | undefined> {
    const token = await tokenOf(this.#source, signal);
    const f = await this.#connection.send({ type: "refresh", token }, signal);
    const error = f && fault(f);
    if (error) throw error;
    return f?.expires;
  }

  #retry(error: Error): void {
    if (this.#connection.error) return;
    const refused = error instanceof RequestError ? error : undefined;
    this.#over = refused?.code === "not_available";
    if (!this.#over) this.#alarm.set(Math.max(again, refused?.retryMs ?? 0), () => this.begin());
    this.#failed(error);
  }

  stop(): void {
    this.#alarm.stop();
    this.#life.abort();
  }
}
