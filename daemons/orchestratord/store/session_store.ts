/** A browser that is signed in. */
export interface SessionRow {
  /** Hash of the secret that it sends. */
  readonly secretSha256: string;
  /** The API key that it was signed in with; undefined: the daemons' token. */
  readonly keyId: string | undefined;
  /** ms since the epoch. */
  readonly endsAt: number;
}

/** The sessions of browsers. They need not survive a power cut. */
export interface SessionStore {
  /**
   * Adds a session, and removes those that have ended and the oldest of too many.
   *
   * @param now ms since the epoch.
   * @param most Sessions that there may be at a time.
   */
  add(session: SessionRow, now: number, most: number): Promise<void>;
  /** Undefined if there is none; one that has ended may still be there. */
  get(secretSha256: string): Promise<SessionRow | undefined>;
  remove(secretSha256: string): Promise<void>;
}
