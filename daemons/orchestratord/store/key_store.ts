import type { KeyLimits, KeyRole } from "#shared/contracts/mod.ts";

/** A stored API key. Times are ms since the epoch. */
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
 * The API keys. Reads see what other processes have committed, because `orchestratord keys` works on the
 * store of a running orchestratord.
 */
export interface KeyStore {
  add(key: KeyRow): Promise<void>;
  get(keyId: string): Promise<KeyRow | undefined>;
  /** Newest first. */
  list(): Promise<readonly KeyRow[]>;
  /** Revokes a key; does nothing if it is unknown or revoked already. */
  revoke(keyId: string, at: number): Promise<void>;
  /** Notes when a key was last used. */
  touch(keyId: string, at: number): Promise<void>;
  /** Adds to the tokens that a key used on a day (UTC, days since the epoch); ignores unknown keys. */
  addTokens(keyId: string, day: number, tokens: number): Promise<void>;
  tokensOn(keyId: string, day: number): Promise<number>;
}
