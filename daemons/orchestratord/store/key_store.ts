import type { KeyLimits, KeyRole } from "#shared/contracts/mod.ts";

/** Days before the current one whose token counts are kept; for operators only. */
export const KEPT_DAYS = 31;

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

/** Tokens that an API key has used. */
export interface Charge {
  readonly keyId: string;
  /** UTC, in days since the epoch. */
  readonly day: number;
  readonly tokens: number;
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
  /** Counts the tokens of a job that is not stored, unless the key is unknown; see `Addition.charge`. */
  addTokens(charge: Charge): Promise<void>;
  /** Tokens that a key has used on a day (UTC, days since the epoch). */
  tokensOn(keyId: string, day: number): Promise<number>;
}
