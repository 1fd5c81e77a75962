import type { Clock } from "#shared/clock.ts";
import type { KeyLimits, KeyRole, Role } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import { bearerOf, requireBearer, secretsEqual } from "#shared/http/auth.ts";
import { callbackToken, secretSha256 } from "#shared/secrets.ts";
import type { Jobs, SubmitOptions } from "../jobs/jobs.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { KeyRow, KeyStore } from "../store/key_store.ts";
import { checkJobLimits, rateLimited } from "./job_limits.ts";
import { keyStatus } from "./keys.ts";
import { RequestRate } from "./request_rate.ts";
import { keyIdOf } from "./secret.ts";
import { dayOf } from "./tokens.ts";

/** A key's last use is written down again after this, in ms. */
const TOUCH_MS = 600_000;

/** Roles that may use a route of each role. */
const ALLOWED: Readonly<Record<Role, readonly KeyRole[]>> = {
  none: [],
  client: ["client", "operator"],
  operator: ["operator"],
  pool: ["pool"],
  worker: [],
};

/** What {@linkcode Access} needs. */
export interface AccessDeps {
  /** The token that the daemons share: it opens everything. Without one, so does no token at all. */
  readonly token: string | undefined;
  readonly keys: KeyStore;
  /** Bounds of keys that have none of their own. */
  readonly defaults: () => KeyLimits;
  readonly clock: Clock;
  readonly metrics: OrchestratorMetrics;
}

/** Who may do what: the shared token and API keys, their roles and their bounds. */
export class Access {
  readonly #deps: AccessDeps;
  readonly #rate = new RequestRate();

  constructor(deps: AccessDeps) {
    this.#deps = deps;
  }

  /**
   * Lets a call in, and says whose it is; see `Authorize`.
   *
   * @throws {LlorchError} `UNAUTHORIZED`, `FORBIDDEN` or `RATE_LIMITED`
   */
  async authorize(request: Request, role: Role): Promise<Caller | undefined> {
    if (role === "none") return undefined;
    const { token, keys, clock, metrics } = this.#deps;
    const refuse = (reason: string, message: string) => {
      metrics.authFailures.inc({ reason });
      return new LlorchError(reason === "role" ? "FORBIDDEN" : "UNAUTHORIZED", message);
    };
    const secret = bearerOf(request);
    if (secret === undefined) {
      if (token === undefined) return undefined;
      metrics.authFailures.inc({ reason: "missing" });
      requireBearer(request);
    }
    if (secret === undefined || (token !== undefined && secretsEqual(secret, token))) {
      return undefined;
    }
    const keyId = keyIdOf(secret);
    // Where all is open, what a client sends because it must send something says nothing.
    if (keyId === undefined && token === undefined) return undefined;
    const row = keyId === undefined ? undefined : await keys.get(keyId);
    if (!row || !secretsEqual(secretSha256(secret), row.secretSha256)) {
      throw refuse("unknown", "Nobody knows this API key");
    }
    const now = clock.now();
    const status = keyStatus(row, now);
    if (status !== "active") throw refuse(status, `The API key "${row.name}" is ${status}`);
    if (!ALLOWED[role].includes(row.role)) {
      throw refuse("role", `The API key "${row.name}" has the role ${row.role}, not ${role}`);
    }
    this.#count(row, now);
    const { name, role: own } = row;
    return {
      keyId: row.keyId,
      name,
      role: own,
      limits: { ...this.#deps.defaults(), ...row.limits },
    };
  }

  /**
   * How a caller's job is submitted: whose it is, and the check of the key's bounds.
   *
   * @param jobs Where the key's other jobs are.
   */
  async terms(
    caller: Caller | undefined,
    jobs: Jobs,
  ): Promise<Pick<SubmitOptions, "tenant" | "admit">> {
    if (!caller) return {};
    const { keys, clock, metrics } = this.#deps;
    const tokensToday = await keys.tokensOn(caller.keyId, dayOf(clock.now()));
    return {
      tenant: caller.keyId,
      admit() {
        try {
          const now = clock.now();
          checkJobLimits(caller.limits, { jobs: jobs.progressOf(caller.keyId), tokensToday }, now);
        } catch (error) {
          metrics.rateLimited.inc();
          throw error;
        }
      },
    };
  }

  /**
   * The token with which a pool is called, made from the secret with which it registered.
   *
   * @param keyId Undefined: it registered with the shared token.
   */
  async poolToken(keyId: string | undefined): Promise<string | undefined> {
    const { token, keys } = this.#deps;
    if (keyId !== undefined) {
      const row = await keys.get(keyId);
      return row && callbackToken(row.secretSha256);
    }
    return token === undefined ? undefined : callbackToken(secretSha256(token));
  }

  #count(row: KeyRow, now: number): void {
    const { keys, defaults, metrics } = this.#deps;
    const perMinute = row.limits.requests_per_minute ?? defaults().requests_per_minute;
    const waitMs = perMinute === undefined ? 0 : this.#rate.take(row.keyId, perMinute, now);
    if (perMinute !== undefined && waitMs > 0) {
      metrics.rateLimited.inc();
      throw rateLimited("requests_per_minute", perMinute, waitMs);
    }
    if (row.lastUsedAt !== undefined && now - row.lastUsedAt < TOUCH_MS) return;
    // Not worth a refusal: a database that cannot be written says so at /ready.
    keys.touch(row.keyId, now).catch(() => {});
  }
}
