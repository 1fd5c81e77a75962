import type { Clock } from "#shared/clock.ts";
import { newSecret, secretSha256 } from "#shared/secrets.ts";

/** A browser is signed in for so long, in ms. */
export const SESSION_MS = 12 * 3_600_000;

/** Browsers that may be signed in at once; one more signs out the oldest. */
const MAX_SESSIONS = 1_000;

/** What a browser was signed in with: an API key, or undefined for the daemons' token. */
export interface Session {
  readonly keyId: string | undefined;
}

/**
 * Browsers that are signed in. They live as long as the process; a browser holds a secret of its own,
 * never the API key.
 */
export class Sessions {
  readonly #clock: Clock;
  /** By the secret's SHA-256, oldest first. */
  readonly #open = new Map<string, Session & { readonly endsAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Signs a browser in, and gives the secret that it is to send. */
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

  /** The session that a secret opens. */
  of(secret: string): Session | undefined {
    const session = this.#open.get(secretSha256(secret));
    return session && session.endsAt > this.#clock.steady() ? session : undefined;
  }

  /** Signs a browser out. */
  close(secret: string): void {
    this.#open.delete(secretSha256(secret));
  }
}
