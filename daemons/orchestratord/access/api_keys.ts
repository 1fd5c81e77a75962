import type { Clock } from "#shared/clock.ts";
import type { CreatedKey, KeyView, NewKey } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { newSecret, secretSha256 } from "#shared/secrets.ts";
import type { Store } from "../store/job_store.ts";
import type { KeyRow, KeyStore } from "../store/key_store.ts";
import { dayOf } from "./job_limits.ts";

/** `llorch_<id>_<random>`: the prefix shows people and secret scanners what it is. */
const SECRET = /^llorch_([0-9a-f]{12})_[0-9a-f]{64}$/;

/** The keys, and what they own. */
type KeyData = Pick<Store, "keys" | "responses" | "files" | "batches">;

/** What was erased with a key. */
export interface Erased {
  readonly responses: number;
  readonly files: number;
  readonly batches: number;
}

/** Manages API keys, for HTTP and the command line alike. */
export class Keys {
  readonly #store: KeyStore;
  readonly #owned: Omit<KeyData, "keys">;
  readonly #clock: Clock;

  constructor({ keys, ...owned }: KeyData, clock: Clock) {
    this.#store = keys;
    this.#owned = owned;
    this.#clock = clock;
  }

  /**
   * Makes a key. Its secret is only in the reply and cannot be read again.
   *
   * @throws {LlorchError} `INVALID_REQUEST` if it would have expired already
   */
  async create(wanted: NewKey): Promise<CreatedKey> {
    const createdAt = this.#clock.now();
    const expiresAt = wanted.expires_at === undefined ? undefined : Date.parse(wanted.expires_at);
    if (expiresAt !== undefined && expiresAt <= createdAt) {
      throw invalidRequest([{ field: "expires_at", message: "must be in the future" }]);
    }
    const { keyId, secret } = newKeySecret();
    const row: KeyRow = {
      keyId,
      name: wanted.name,
      role: wanted.role,
      secretSha256: secretSha256(secret),
      limits: wanted.limits,
      createdAt,
      expiresAt,
      revokedAt: undefined,
      lastUsedAt: undefined,
    };
    await this.#store.add(row);
    return { ...await this.#view(row), secret };
  }

  async list(): Promise<KeyView[]> {
    const rows = await this.#store.list();
    return await Promise.all(rows.map((row) => this.#view(row)));
  }

  /**
   * Revokes a key, at once and for good, and erases its stored responses, its files and its batches. If the
   * process ends before it returns, another call erases those that are left.
   *
   * @returns the key, and the numbers of what was erased
   * @throws {LlorchError} `NOT_FOUND`
   */
  async revoke(keyId: string): Promise<{ key: KeyView; erased: Erased }> {
    await this.#store.revoke(keyId, this.#clock.now());
    const row = await this.#store.get(keyId);
    if (!row) {
      throw new LlorchError("NOT_FOUND", `Cannot find an API key with the id "${keyId}"`);
    }
    const { responses, files, batches } = this.#owned;
    const erased = {
      responses: await responses.removeOf(keyId),
      batches: await batches.removeOf(keyId),
      files: await files.removeOf(keyId),
    };
    return { key: await this.#view(row), erased };
  }

  async #view(row: KeyRow): Promise<KeyView> {
    const now = this.#clock.now();
    const iso = (ms: number) => new Date(ms).toISOString();
    return {
      key_id: row.keyId,
      name: row.name,
      role: row.role,
      status: keyStatus(row, now),
      created_at: iso(row.createdAt),
      ...(row.expiresAt === undefined ? {} : { expires_at: iso(row.expiresAt) }),
      ...(row.revokedAt === undefined ? {} : { revoked_at: iso(row.revokedAt) }),
      ...(row.lastUsedAt === undefined ? {} : { last_used_at: iso(row.lastUsedAt) }),
      limits: row.limits,
      tokens_today: await this.#store.tokensOn(row.keyId, dayOf(now)),
    };
  }
}

/** Status of a key at a time in ms since the epoch. */
export function keyStatus(row: KeyRow, now: number): KeyView["status"] {
  if (row.revokedAt !== undefined) return "revoked";
  return row.expiresAt !== undefined && row.expiresAt <= now ? "expired" : "active";
}

/** A new API key: its id, which is no secret, and the secret that contains it. */
function newKeySecret(): { readonly keyId: string; readonly secret: string } {
  const keyId = newSecret().slice(0, 12);
  return { keyId, secret: `llorch_${keyId}_${newSecret()}` };
}

/** The id inside a secret; undefined if it is not an API key. */
export function keyIdOf(secret: string): string | undefined {
  return SECRET.exec(secret)?.[1];
}
