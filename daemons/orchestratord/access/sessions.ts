import type { Clock } from "#shared/clock.ts";
import { newSecret, secretSha256 } from "#shared/secrets.ts";
import type { SessionRow, SessionStore } from "../store/session_store.ts";

/** How long a browser stays signed in, in ms. */
export const SESSION_MS = 12 * 3_600_000;

/** Browsers that may be signed in at a time; one more signs out the oldest. */
const MAX_SESSIONS = 1_000;

/** What a browser was signed in with: an API key, or undefined for the daemons' token. */
export interface Session {
  readonly keyId: string | undefined;
}

/**
 * Sessions of browsers that are signed in. A browser holds a secret of its session, never the API key.
 *
 * While the store cannot be written, new ones are in memory: the console is needed most then.
 */
export class Sessions {
  readonly #clock: Clock;
  readonly #store: SessionStore;
  /** Those that could not be stored, by the secret's SHA-256, oldest first. */
  readonly #unstored = new Map<string, Session & { readonly endsAt: number }>();

  constructor(clock: Clock, store: SessionStore) {
    this.#clock = clock;
    this.#store = store;
  }

  /** Signs a browser in and returns the secret that it must send. */
  async open(keyId: string | undefined): Promise<string> {
    const secret = newSecret();
    const now = this.#clock.now();
    const row = { secretSha256: secretSha256(secret), keyId, endsAt: now + SESSION_MS };
    await this.#store.add(row, now, MAX_SESSIONS).catch(() => this.#keep(row));
    return secret;
  }

  /** The session of a secret; undefined if it is unknown or has ended. */
  async of(secret: string): Promise<Session | undefined> {
    const sha256 = secretSha256(secret);
    const session = this.#unstored.get(sha256) ?? await this.#store.get(sha256);
    return session && session.endsAt > this.#clock.now() ? session : undefined;
  }

  /** Signs a browser out. */
  async close(secret: string): Promise<void> {
    const sha256 = secretSha256(secret);
    if (!this.#unstored.delete(sha256)) await this.#store.remove(sha256);
  }

  #keep({ secretSha256, keyId, endsAt }: SessionRow): void {
    this.#unstored.set(secretSha256, { keyId, endsAt });
    for (const [oldest] of this.#unstored) {
      if (this.#unstored.size <= MAX_SESSIONS) break;
      this.#unstored.delete(oldest);
    }
  }
}
