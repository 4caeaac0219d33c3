import { Alarm } from "./time.js";

/** Those who wait for one thing. Each asks again whether it is there when the bell rings. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  /** Returns when the bell rings; rejects with the signal's reason when that ends before. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = () => {
        this.#waiting.delete(ring);
        signal?.removeEventListener("abort", stop);
      };
      const ring = () => (leave(), resolve());
      const stop = () => (leave(), reject(signal!.reason));
      this.#waiting.add(ring);
      signal?.addEventListener("abort", stop);
    });
  }

  ring(): void {
    for (const one of [...this.#waiting]) one();
  }
}

/** Runs work with a signal that ends with outer, and after ms milliseconds with an error that says so. */
export async function bounded<T>(ms: number, what: string, outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const inner = new AbortController();
  const alarm = new Alarm();
  const end = () => inner.abort(outer!.reason);
  alarm.set(ms, () => inner.abort(new Error(what)));
  if (outer?.aborted) end();
  outer?.addEventListener("abort", end);
  try {
    return await work(inner.signal);
  } finally {
    alarm.stop();
    outer?.removeEventListener("abort", end);
  }
}

/** What a function of somebody else's gives, unless the signal ends before: not everybody looks at it. */
export function unlessAborted<T>(signal: AbortSignal, given: Promise<T> | T): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    Promise.resolve(given)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}
