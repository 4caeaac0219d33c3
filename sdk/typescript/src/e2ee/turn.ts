/** Lets pieces of asynchronous work run one after the other, in the order in which they were asked for. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    // One that fails does not fail those behind it.
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
