/** Calls back after a time, as `Clock` does; a browser has this, too. */
export interface Timer {
  /** @returns what takes it back */
  after(ms: number, callback: () => void): () => void;
}

/** The runtime's own timer. */
export const plainTimer: Timer = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
