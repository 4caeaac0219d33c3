/** What setTimeout takes at most, in milliseconds: with more it would ring at once. */
export const longestTimer = 2 ** 31 - 1;

/** The largest pause after the first failure, in milliseconds. */
export const shortPause = 500;

/**
 * How many milliseconds have passed, by the clock that tells more: one stands still while a machine sleeps, the other can be set back. Where a promise
 * depends on a time the time is asked, for timers of a hidden page may ring a minute late.
 */
export function stopwatch(): () => number {
  const date = Date.now();
  const moment = performance.now();
  return () => Math.max(Date.now() - date, performance.now() - moment);
}

/** One timer that is set again and again. Whoever owns it stops it. */
export class Alarm {
  #timer: ReturnType<typeof setTimeout> | undefined;

  set(ms: number, ring: () => void): void {
    this.stop();
    this.#timer = setTimeout(ring, Math.min(Math.max(ms, 0), longestTimer));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Returns after ms milliseconds, or when the signal ends. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const alarm = new Alarm();
    const wake = () => {
      alarm.stop();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    if (signal?.aborted) return resolve();
    alarm.set(ms, wake);
    signal?.addEventListener("abort", wake);
  });
}

/**
 * The random part of a pause, in milliseconds. It is anything up to a bound that doubles from failure to failure: clients that were lost together do not
 * come back together.
 */
export function spread(failures: number, longest: number): number {
  return Math.random() * Math.min(longest, shortPause * 2 ** failures);
}
