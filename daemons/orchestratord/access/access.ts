import type { Clock } from "#shared/clock.ts";
import type { KeyLimits, KeyRole, Role, Route } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import { requireSecret, secretOf, secretsEqual } from "#shared/http/auth.ts";
import { callbackToken, secretSha256 } from "#shared/secrets.ts";
import { Promises } from "../scheduler/promises.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { KeyRow, KeyStore } from "../store/key_store.ts";
import type { SessionStore } from "../store/session_store.ts";
import { refuseOtherNames, refuseOtherSites, requireConsole, sessionSecretOf } from "./browser.ts";
import { isListedOrigin } from "./origins.ts";
import { checkJobLimits, dayOf, type Progress, rateLimited } from "./job_limits.ts";
import { keyIdOf, keyStatus } from "./api_keys.ts";
import { RequestRate } from "./request_rate.ts";
import { UnsafeRequests } from "./unsafe_requests.ts";
import { Sessions } from "./sessions.ts";

/** A key's last use is stored again when the stored time is this old, in ms. */
const TOUCH_MS = 600_000;

/** Keys whose promises are remembered before those without any are dropped. */
const MOST_KEYS = 1_000;

/** Roles of keys that may use a route, by the route's role. */
const ALLOWED: Readonly<Record<Role, readonly KeyRole[]>> = {
  none: [],
  client: ["client", "operator"],
  operator: ["operator"],
  pool: ["pool"],
  worker: [],
};

/** Knows the jobs of API keys. */
export interface KeyJobs {
  /** Progress of a key's waiting and running jobs. */
  progressOf(keyId: string): readonly Progress[];
}

/** Terms on which a caller's job is submitted. */
export interface Terms {
  /** Owner of the job: an API key's id. */
  readonly tenant?: string;
  /** @throws {LlorchError} `RATE_LIMITED` if the key may not have one more job */
  readonly admit?: () => void;
}

/** Dependencies of {@linkcode Access}. */
export interface AccessDeps {
  /** The token that the daemons share, which allows everything. Undefined: every call is allowed. */
  readonly token: string | undefined;
  readonly keys: KeyStore;
  readonly sessions: SessionStore;
  /** Default limits of API keys. */
  readonly defaults: () => KeyLimits;
  /** Origins of pages that may call routes for pages without a key; see {@linkcode isListedOrigin}. */
  readonly origins: () => readonly string[];
  /** Names by which this service may be called without a token, besides localhost and addresses. */
  readonly hostNames: () => readonly string[];
  readonly clock: Clock;
  readonly metrics: OrchestratorMetrics;
}

/** Decides who may do what: the shared token, API keys with their roles and limits, and sessions. */
export class Access {
  readonly #deps: AccessDeps;
  readonly #rate = new RequestRate();
  readonly #unsafe = new UnsafeRequests();
  /** Places that were promised to clients of keys with as many jobs as they may have. */
  readonly #promises = new Map<string, Promises>();
  readonly #sessions: Sessions;
  /** Calls whose own key was right. */
  readonly #proven = new WeakSet<Request>();

  constructor(deps: AccessDeps) {
    this.#deps = deps;
    this.#sessions = new Sessions(deps.clock, deps.sessions);
  }

  /** Whether there is no token, so that everybody may do everything. */
  get isOpen(): boolean {
    return this.#deps.token === undefined;
  }

  /**
   * Checks that a call is allowed; see `Authorize`.
   *
   * A page of another site can make the browser send a person's cookie, but not a key that it does not
   * know. So a call with a key is not refused for its site, while one without is, before anything else.
   *
   * @returns the caller; undefined for the shared token, or if no token is needed
   * @throws {LlorchError} `UNAUTHORIZED`, `FORBIDDEN` or `RATE_LIMITED`
   */
  async authorize(
    request: Request,
    { role, pages }: Pick<Route, "role" | "pages">,
  ): Promise<Caller | undefined> {
    const hasKey = secretOf(request) !== undefined;
    const isListed = pages && this.#isListed(request);
    if (role === "none" || (!hasKey && !isListed)) refuseOtherSites(request, pages);
    if (role === "none") {
      // Nobody needs a key here, but a page with a right one may read the answer.
      if (pages && hasKey) await this.#proveKey(request).catch(() => {});
      return undefined;
    }
    if (this.isOpen) refuseOtherNames(request, this.#deps.hostNames());
    const row = await this.#proveKey(request);
    // Without a token any text is accepted as a key, so it proves nothing.
    if (!row && this.isOpen && !isListed) refuseOtherSites(request, pages);
    return row && this.#admit(row, role);
  }

  /**
   * Whether the page that made a call may read the answer: its origin is listed, or its key was right. Only
   * for routes for pages.
   */
  mayRead(request: Request): boolean {
    return this.#proven.has(request) || this.#isListed(request);
  }

  /** Whether a call is made by a page of a listed origin, and not with a session's cookie. */
  #isListed(request: Request): boolean {
    const origin = request.headers.get("origin");
    return origin !== null && isListedOrigin(origin, this.#deps.origins()) &&
      (this.isOpen || sessionSecretOf(request) === undefined);
  }

  /** As {@linkcode #rowOf}; remembers whether the call's own key was right. */
  async #proveKey(request: Request): Promise<KeyRow | undefined> {
    const row = await this.#rowOf(request);
    const isRight = row ? keyStatus(row, this.#deps.clock.now()) === "active" : !this.isOpen;
    if (isRight && secretOf(request) !== undefined) this.#proven.add(request);
    return row;
  }

  /** Whether an allowed call would still be allowed: its key or its session may have ended. */
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
   * @returns the secret of its session, and the caller, which is undefined for the daemons' token
   * @throws {LlorchError} `UNAUTHORIZED`, `FORBIDDEN` for a key of a pool, or `RATE_LIMITED`
   */
  async signIn(key: string): Promise<{ caller: Caller | undefined; secret: string }> {
    const row = await this.#rowOfSecret(key);
    const caller = row && this.#admit(row, "client");
    return { caller, secret: await this.#sessions.open(row?.keyId) };
  }

  /** Signs a browser out. */
  signOut(secret: string): Promise<void> {
    return this.#sessions.close(secret);
  }

  /** The API key of a call; undefined for the shared token, or if no token is needed. */
  async #rowOf(request: Request): Promise<KeyRow | undefined> {
    const { token, keys, metrics } = this.#deps;
    const secret = secretOf(request);
    if (secret !== undefined) return await this.#rowOfSecret(secret);
    if (token === undefined) return undefined;
    const cookie = sessionSecretOf(request);
    const session = cookie === undefined ? undefined : await this.#sessions.of(cookie);
    if (session) {
      requireConsole(request);
      if (session.keyId === undefined) return undefined;
      const row = await keys.get(session.keyId);
      if (row) return row;
    }
    metrics.authFailures.inc({ reason: "missing" });
    requireSecret(request);
  }

  async #rowOfSecret(secret: string): Promise<KeyRow | undefined> {
    const { token, keys } = this.#deps;
    if (token !== undefined && secretsEqual(secret, token)) return undefined;
    const keyId = keyIdOf(secret);
    // Many clients must send some key: where no token is needed, any text is accepted.
    if (keyId === undefined && token === undefined) return undefined;
    const row = keyId === undefined ? undefined : await keys.get(keyId);
    if (row && secretsEqual(secretSha256(secret), row.secretSha256)) return row;
    throw this.#refusal("unknown", "This API key is not known");
  }

  /** Checks that a key is active and has a role, and counts its call. */
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

  /** The holder of a key that may have jobs; undefined if it is revoked, has expired or is not known. */
  async holderOf(keyId: string): Promise<Caller | undefined> {
    const { keys, clock, defaults } = this.#deps;
    const row = await keys.get(keyId);
    if (!row || keyStatus(row, clock.now()) !== "active") return undefined;
    return { keyId, name: row.name, role: row.role, limits: { ...defaults(), ...row.limits } };
  }

  /** The name of an API key, also of a revoked one; undefined for jobs without a key. */
  async nameOf(keyId: string): Promise<string | undefined> {
    return keyId === "" ? undefined : (await this.#deps.keys.get(keyId))?.name;
  }

  #refusal(reason: "unknown" | "revoked" | "expired" | "role", message: string): LlorchError {
    this.#deps.metrics.authFailures.inc({ reason });
    return new LlorchError(reason === "role" ? "FORBIDDEN" : "UNAUTHORIZED", message);
  }

  /**
   * Terms on which a caller's job is submitted: its owner, and the check of the key's limits.
   *
   * @param jobs Knows the key's other jobs.
   */
  async terms(
    caller: Caller | undefined,
    jobs: KeyJobs,
  ): Promise<Terms> {
    if (!caller) return {};
    const { keys, clock, metrics } = this.#deps;
    const refusal = (perHour: number | undefined) =>
      this.#unsafeRefusal(caller.keyId, perHour, clock.steady());
    const promisesOf = (keyId: string, now: number) => this.#promisesOf(keyId, now);
    const tokensToday = await keys.tokensOn(caller.keyId, dayOf(clock.now()));
    return {
      tenant: caller.keyId,
      admit() {
        try {
          const now = clock.now();
          const refused = refusal(caller.limits.unsafe_requests_per_hour);
          if (refused) throw refused;
          const use = { jobs: jobs.progressOf(caller.keyId), tokensToday };
          checkJobLimits(caller.limits, use, promisesOf(caller.keyId, now), now);
        } catch (error) {
          metrics.rateLimited.inc();
          throw error;
        }
      },
    };
  }

  /**
   * Notes that a job ended with `REQUEST_UNSAFE`.
   *
   * @returns the name of the job's API key, and a refusal if it has reached its limit; undefined for a job
   * without a key
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

  /** Notes a job that ended with `REQUEST_UNSAFE` before this start, `agoMs` ago. */
  recallUnsafe(tenant: string, agoMs: number): void {
    if (tenant !== "") this.#unsafe.note(tenant, this.#deps.clock.steady() - agoMs);
  }

  #promisesOf(keyId: string, now: number): Promises {
    let own = this.#promises.get(keyId);
    if (own) return own;
    if (this.#promises.size >= MOST_KEYS) {
      for (const [id, each] of this.#promises) {
        if (each.open(now).length === 0) this.#promises.delete(id);
      }
    }
    this.#promises.set(keyId, own = new Promises());
    return own;
  }

  #unsafeRefusal(keyId: string, perHour: number | undefined, now: number) {
    const waitMs = perHour ? this.#unsafe.waitMs(keyId, perHour, now) : 0;
    return perHour && waitMs > 0
      ? rateLimited("unsafe_requests_per_hour", perHour, waitMs)
      : undefined;
  }

  /**
   * The token for calls to a pool, derived from the secret with which it registered.
   *
   * @param keyId The pool's API key; undefined for the shared token.
   * @returns undefined if the key is unknown or there is no shared token
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
    // No reason to refuse the call: /ready reports a database that cannot be written.
    keys.touch(row.keyId, now).catch(() => {});
  }
}
