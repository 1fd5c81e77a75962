import type { Clock } from "#shared/clock.ts";
import { newSecret, secretSha256 } from "#shared/secrets.ts";

/** How long a browser stays signed in, in ms. */
export const SESSION_MS = 12 * 3_600_000;

/** Browsers that may be signed in at a time; one more signs out the oldest. */
const MAX_SESSIONS = 1_000;

/** What a browser was signed in with: an API key, or undefined for the daemons' token. */
export interface Session {
  readonly keyId: string | undefined;
}

/**
 * Sessions of browsers that are signed in, kept in memory only. A browser holds a secret of its session,
 * never the API key.
 */
export class Sessions {
  readonly #clock: Clock;
  /** By the secret's SHA-256, oldest first. */
  readonly #open = new Map<string, Session & { readonly endsAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Signs a browser in and returns the secret that it must send. */
  open(keyId: string | undefined): string {
    const secret = newSecret();
    const endsAt = this.#clock.steady() + SESSION_MS;
    this.#open.set(secretSha256(secret), { keyId, endsAt });
    for (const [oldest] of this.#open) {
      if (this.#open.size <= MAX_SESSIONS) break;
      this.#open.delete(oldest);
    }
    return secret;
  }

  /** The session of a secret; undefined if it is unknown or has ended. */
  of(secret: string): Session | undefined {
    const session = this.#open.get(secretSha256(secret));
    return session && session.endsAt > this.#clock.steady() ? session : undefined;
  }

  /** Signs a browser out. */
  close(secret: string): void {
    this.#open.delete(secretSha256(secret));
  }
}
