/** Values that parts of the page share; components that use one render again when it changes. */
import { useEffect, useState } from "preact/hooks";

/** A shared value. */
export class Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  /** Changes some of a value's fields. */
  change(part: Partial<T>): void {
    this.set({ ...this.#value, ...part });
  }

  /** Calls back at every change until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Selects a part of a store's value; renders again when the part changes. */
export function useStore<T, S>(store: Store<T>, select: (value: T) => S): S {
  const [selected, set] = useState(() => select(store.value));
  useEffect(() => {
    const look = () => set(() => select(store.value));
    look();
    return store.listen(look);
  }, [store]);
  return selected;
}
