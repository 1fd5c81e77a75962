/** A clock that moves from one timer to the next. Timers that are due together run in the order they were set. */
export class Timers {
  #now = 0;
  #count = 0;
  readonly #heap: { at: number; order: number; run: () => void }[] = [];

  get now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): void {
    const heap = this.#heap;
    const entry = { at: this.#now + ms, order: this.#count++, run };
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Lets time pass in which nothing runs: timers that become due meanwhile run late. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  /** Runs the next timer; false if there is none. */
  next(): boolean {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (!first || !last) return false;
    if (first !== last) {
      let index = 0;
      while (true) {
        let child = 2 * index + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
        if (!isBefore(heap[child]!, last)) break;
        heap[index] = heap[child]!;
        index = child;
      }
      heap[index] = last;
    }
    this.#now = Math.max(this.#now, first.at);
    first.run();
    return true;
  }
}

function isBefore(
  a: { at: number; order: number },
  b: { at: number; order: number },
): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
