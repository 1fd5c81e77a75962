import type { KeyLimits, KeyRole } from "#shared/contracts/mod.ts";

/** An API key as it is kept. Times are ms since the epoch. */
export interface KeyRow {
  readonly keyId: string;
  readonly name: string;
  readonly role: KeyRole;
  /** SHA-256 of the whole secret, in hexadecimal. */
  readonly secretSha256: string;
  readonly limits: KeyLimits;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly revokedAt: number | undefined;
  readonly lastUsedAt: number | undefined;
}

/**
 * The API keys. Reads see what other processes have committed: `orchestratord keys` works on the
 * database of an orchestratord that runs.
 */
export interface KeyStore {
  add(key: KeyRow): Promise<void>;
  get(keyId: string): Promise<KeyRow | undefined>;
  /** Newest first. */
  list(): Promise<readonly KeyRow[]>;
  /** Ends a key; the time of an earlier end stays. */
  revoke(keyId: string, at: number): Promise<void>;
  touch(keyId: string, at: number): Promise<void>;
  /** Adds to what a key used on a day (UTC, days since the epoch); unknown keys are passed over. */
  addTokens(keyId: string, day: number, tokens: number): Promise<void>;
  tokensOn(keyId: string, day: number): Promise<number>;
}
