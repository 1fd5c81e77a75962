/** Who leads, as the database says. */
export interface SeatView {
  /** Number of the leadership; each one has a higher number than the one before it. */
  readonly term: number;
  /** Start of the leader; undefined: nobody has led yet. */
  readonly incarnation: number | undefined;
  /** Where its API is; undefined: nobody leads. */
  readonly url: string | undefined;
  /** Whether it has not been renewed in time. */
  readonly isOver: boolean;
}

/** How a leader gives its seat back. */
export interface Resignation {
  /** Whether its start has given up its jobs, so that who leads next need not end it. */
  readonly isReleased?: boolean;
  /** A term that was seen elsewhere: the next one is above it. */
  readonly seenTerm?: number | undefined;
}

/**
 * The seat of the leader in a database that all orchestrators share. Every call has a deadline of its own and
 * rejects if its outcome is unknown.
 */
export interface Seat {
  /** Who has it. */
  look(): Promise<SeatView>;
  /**
   * Takes it for the next term, if its lease is over or its leader's session has ended. Whatever the leader
   * before it still writes is committed before, or never.
   *
   * @returns the new term; undefined if it is taken
   */
  take(seen: SeatView): Promise<number | undefined>;
  /** @returns false if another one has it */
  renew(term: number): Promise<boolean>;
  /** Calls this when others may take it at once, though its lease is not over: to be renewed then. */
  onShaken?: (() => void) | undefined;
  /** Gives it back, so that another one can take it at once. */
  resign(term: number, how?: Resignation): Promise<void>;
}
