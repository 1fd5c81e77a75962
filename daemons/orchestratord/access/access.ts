import type { Clock } from "#shared/clock.ts";
import type { KeyLimits, KeyRole, Role } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import { bearerOf, requireBearer, secretsEqual } from "#shared/http/auth.ts";
import { callbackToken, secretSha256 } from "#shared/secrets.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { KeyRow, KeyStore } from "../store/key_store.ts";
import { refuseOtherNames, refuseOtherSites, requireConsole, sessionSecretOf } from "./browser.ts";
import { checkJobLimits, dayOf, type Progress, rateLimited } from "./job_limits.ts";
import { keyIdOf, keyStatus } from "./api_keys.ts";
import { RequestRate } from "./request_rate.ts";
import { UnsafeRequests } from "./unsafe_requests.ts";
import { Sessions } from "./sessions.ts";

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

/** Where the jobs of a key are. */
export interface KeyJobs {
  /** Those that wait or run. */
  progressOf(keyId: string): readonly Progress[];
}

/** How a caller's job is submitted. */
export interface Terms {
  /** Whose job it is: an API key's id. */
  readonly tenant?: string;
  /** @throws {LlorchError} `RATE_LIMITED` when the key may not have one more job */
  readonly admit?: () => void;
}

/** Dependencies of {@linkcode Access}. */
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
  readonly #unsafe = new UnsafeRequests();
  readonly #sessions: Sessions;

  constructor(deps: AccessDeps) {
    this.#deps = deps;
    this.#sessions = new Sessions(deps.clock);
  }

  /** Whether there is no token: then everybody may do everything. */
  get isOpen(): boolean {
    return this.#deps.token === undefined;
  }

  /**
   * Lets a call in, and says whose it is; see `Authorize`.
   *
   * @throws {LlorchError} `UNAUTHORIZED`, `FORBIDDEN` or `RATE_LIMITED`
   */
  async authorize(request: Request, role: Role): Promise<Caller | undefined> {
    refuseOtherSites(request);
    if (role === "none") return undefined;
    if (this.isOpen) refuseOtherNames(request);
    const row = await this.#rowOf(request);
    return row && this.#admit(row, role);
  }

  /** Whether a call that was let in would be let in again: its key and its session may have ended. */
  async stillAdmits(request: Request): Promise<boolean> {
    try {
      const row = await this.#rowOf(request);
      return row === undefined || keyStatus(row, this.#deps.clock.now()) === "active";
    } catch (error) {
      if (error instanceof LlorchError && error.code === "UNAUTHORIZED") return false;
      throw error;
    }
  }

  /**
   * Signs a browser in.
   *
   * @returns the secret of its session, and whose it is; undefined for the daemons' token
   * @throws {LlorchError} `UNAUTHORIZED`, `FORBIDDEN` for a key of a pool, or `RATE_LIMITED`
   */
  async signIn(key: string): Promise<{ caller: Caller | undefined; secret: string }> {
    const row = await this.#rowOfSecret(key);
    const caller = row && this.#admit(row, "client");
    return { caller, secret: this.#sessions.open(row?.keyId) };
  }

  /** Signs a browser out. */
  signOut(secret: string): void {
    this.#sessions.close(secret);
  }

  /** The key that a call comes with; undefined: with the shared token, or all is open. */
  async #rowOf(request: Request): Promise<KeyRow | undefined> {
    const { token, keys, metrics } = this.#deps;
    const secret = bearerOf(request);
    if (secret !== undefined) return await this.#rowOfSecret(secret);
    if (token === undefined) return undefined;
    const cookie = sessionSecretOf(request);
    const session = cookie === undefined ? undefined : this.#sessions.of(cookie);
    if (session) {
      requireConsole(request);
      if (session.keyId === undefined) return undefined;
      const row = await keys.get(session.keyId);
      if (row) return row;
    }
    metrics.authFailures.inc({ reason: "missing" });
    requireBearer(request);
  }

  async #rowOfSecret(secret: string): Promise<KeyRow | undefined> {
    const { token, keys } = this.#deps;
    if (token !== undefined && secretsEqual(secret, token)) return undefined;
    const keyId = keyIdOf(secret);
    // Where all is open, what a client sends because it must send something says nothing.
    if (keyId === undefined && token === undefined) return undefined;
    const row = keyId === undefined ? undefined : await keys.get(keyId);
    if (row && secretsEqual(secretSha256(secret), row.secretSha256)) return row;
    throw this.#refusal("unknown", "Nobody knows this API key");
  }

  /** Checks that a key is good for a role, and counts its call. */
  #admit(row: KeyRow, role: Role): Caller {
    const now = this.#deps.clock.now();
    const status = keyStatus(row, now);
    const { keyId, name, role: own, limits } = row;
    if (status !== "active") throw this.#refusal(status, `The API key "${name}" is ${status}`);
    if (!ALLOWED[role].includes(own)) {
      throw this.#refusal("role", `The API key "${name}" has the role ${own}, not ${role}`);
    }
    this.#count(row, now);
    return { keyId, name, role: own, limits: { ...this.#deps.defaults(), ...limits } };
  }

  #refusal(reason: "unknown" | "revoked" | "expired" | "role", message: string): LlorchError {
    this.#deps.metrics.authFailures.inc({ reason });
    return new LlorchError(reason === "role" ? "FORBIDDEN" : "UNAUTHORIZED", message);
  }

  /**
   * How a caller's job is submitted: whose it is, and the check of the key's bounds.
   *
   * @param jobs Where the key's other jobs are.
   */
  async terms(
    caller: Caller | undefined,
    jobs: KeyJobs,
  ): Promise<Terms> {
    if (!caller) return {};
    const { keys, clock, metrics } = this.#deps;
    const refusal = (perHour: number | undefined) =>
      this.#unsafeRefusal(caller.keyId, perHour, clock.steady());
    const tokensToday = await keys.tokensOn(caller.keyId, dayOf(clock.now()));
    return {
      tenant: caller.keyId,
      admit() {
        try {
          const now = clock.now();
          const refused = refusal(caller.limits.unsafe_requests_per_hour);
          if (refused) throw refused;
          checkJobLimits(caller.limits, { jobs: jobs.progressOf(caller.keyId), tokensToday }, now);
        } catch (error) {
          metrics.rateLimited.inc();
          throw error;
        }
      },
    };
  }

  /**
   * A job ended with `REQUEST_UNSAFE`.
   *
   * @returns the name of the API key whose it was, and why it may send nothing more now, if it may not;
   * undefined where the job came without a key
   */
  async noteUnsafe(
    tenant: string,
  ): Promise<{ readonly name: string; readonly refusal: LlorchError | undefined } | undefined> {
    const { keys, clock, defaults } = this.#deps;
    const row = tenant === "" ? undefined : await keys.get(tenant);
    if (!row) return undefined;
    const now = clock.steady();
    this.#unsafe.note(row.keyId, now);
    const perHour = row.limits.unsafe_requests_per_hour ?? defaults().unsafe_requests_per_hour;
    return { name: row.name, refusal: this.#unsafeRefusal(row.keyId, perHour, now) };
  }

  /** A job that ended with `REQUEST_UNSAFE` before this start, so many ms ago. */
  recallUnsafe(tenant: string, agoMs: number): void {
    if (tenant !== "") this.#unsafe.note(tenant, this.#deps.clock.steady() - agoMs);
  }

  #unsafeRefusal(keyId: string, perHour: number | undefined, now: number) {
    const waitMs = perHour ? this.#unsafe.waitMs(keyId, perHour, now) : 0;
    return perHour && waitMs > 0
      ? rateLimited("unsafe_requests_per_hour", perHour, waitMs)
      : undefined;
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
