const width = 64n; // counters below the highest that may still come, once
const sessionLimit = 1024; // of one sender under one key
const readLimit = 65_536; // messages of one reading

/** Which counters of one session were seen: the highest, and those of the 64 below it. */
export class Window {
  #high = 0;
  // Bit n is the counter that is n below the highest.
  #seen = 0n;

  /** Whether this counter is new; it is seen from now on. */
  take(counter: number): boolean {
    const ahead = BigInt(counter) - BigInt(this.#high);
    if (ahead > 0n) {
      this.#seen = ahead > width ? 1n : BigInt.asUintN(Number(width) + 1, this.#seen << ahead) | 1n;
      this.#high = counter;
      return true;
    }
    if (-ahead > width) return false;
    const bit = 1n << -ahead;
    if (this.#seen & bit) return false;
    this.#seen |= bit;
    return true;
  }
}

/** What was seen live under one key. Nothing is forgotten in favour of a newcomer: what is forgotten can be played again. */
export class Seen {
  readonly #senders = new Map<string, Map<string, Window>>();

  take(sender: string, session: string, counter: number): boolean {
    const sessions = entry(this.#senders, sender, () => new Map<string, Window>());
    if (!sessions.has(session) && sessions.size >= sessionLimit) return false;
    return entry(sessions, session, () => new Window()).take(counter);
  }
}

/** What was seen in one reading of history, which may go in any order. */
export class Read {
  readonly #seen = new Set<string>();

  take(key: string, sender: string, session: string, counter: number): boolean {
    const message = [key, sender, session, counter].join();
    if (this.#seen.has(message) || this.#seen.size >= readLimit) return false;
    this.#seen.add(message);
    return true;
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
