import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { Lease } from "./lease.ts";
import { RealTime, type Timing } from "./real_time.ts";
import type { Seat, SeatView } from "../store/seat.ts";

/** How much sooner than the others take its lease a leader stops, in ms. */
const MARGIN_MS = 500;
/** How often one that does not lead looks who does, in ms. */
const LOOK_MS = 200;
/** Part of that which is left to chance, so that not all look at the same time. */
const JITTER = 0.3;
/** For how long a leader may wait for its lease to be renewed after it has ended, in ms. */
const SUSPENDED_MS = 10_000;

/** Options of an {@linkcode Elector}. */
export interface ElectorOptions {
  readonly seat: Seat;
  readonly log: Logger;
  readonly time?: Timing;
  /** How often a leader renews its lease, in ms. */
  readonly renewMs: number;
  /** How long its lease lasts, in ms. */
  readonly ttlMs: number;
  /** Called once for each term that this process leads. */
  readonly onLead: (term: number) => void;
  /** Called when it leads no more. */
  readonly onDeposed: (term: number, reason: string) => void;
  /**
   * Called when its lease has been renewed after it had ended, and nobody else has led meanwhile: what it
   * knows still holds.
   */
  readonly onResumed?: (term: number) => void;
  /** Called each time that it has looked who leads. */
  readonly onSeen?: (view: SeatView) => void;
  readonly random?: () => number;
}

/**
 * Makes one of several processes the leader, and another one when that ends or cannot renew its lease.
 */
export class Elector {
  readonly #options: ElectorOptions;
  readonly #lease: Lease;
  readonly #time: Timing;
  #seen: SeatView | undefined;
  #term: number | undefined;
  /** Since when it may not decide, though no other one leads; undefined: it may, or it does not lead. */
  #suspendedSince: number | undefined;
  #trouble: string | undefined;
  #isStopped = false;
  /** Whether it takes the seat no more. */
  #isRetired = false;
  readonly #decided = Promise.withResolvers<void>();
  #wake: () => void = () => {};
  #dropExpiry: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#lease = new Lease(options.ttlMs, MARGIN_MS);
    this.#time = options.time ?? new RealTime();
    options.seat.onShaken = () => this.#suspend("its session has ended");
  }

  /** Resolves when it has looked for the first time, and leads if it could. */
  get decided(): Promise<void> {
    return this.#decided.promise;
  }

  /** The term that this process leads now and may decide in; undefined if there is none. */
  get term(): number | undefined {
    return this.#term !== undefined && this.leftMs > 0 ? this.#term : undefined;
  }

  /** The term that this process leads, even while it may not decide; undefined: it does not lead. */
  get held(): number | undefined {
    return this.#term;
  }

  /** Who leads, as far as is known. */
  get seen(): SeatView | undefined {
    return this.#seen;
  }

  /** Why the seat could not be looked at or renewed the last time; undefined: it could. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** For how long this process may still decide without another renewal, in ms. */
  get leftMs(): number {
    return this.#lease.leftMs(this.#time.now());
  }

  start(): void {
    this.#running = this.#run();
  }

  /**
   * Stops leading. Any process may lead next, this one too.
   *
   * @param seenTerm A term that somebody has seen: the next one is above it.
   */
  async giveUp(reason: string, seenTerm?: number): Promise<void> {
    const term = this.#term;
    if (term === undefined) return;
    this.#depose(reason);
    await this.#options.seat.resign(term, { seenTerm }).catch(() => {});
  }

  /**
   * Gives the seat back and takes it no more. It still looks who leads.
   *
   * @param isReleased Whether its jobs have been given up, so that nobody needs to end this start.
   */
  async retire(isReleased: boolean): Promise<void> {
    this.#isRetired = true;
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    this.#endLease();
    this.#options.log.info("leads_no_more", { term, reason: "it stops" });
    await this.#options.seat.resign(term, { isReleased }).catch(() => {});
  }

  /** Gives the seat back and takes it no more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#running;
    await this.giveUp("it stops");
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#term === undefined) await this.#follow();
      else await this.#lead(this.#term);
      if (!this.#isStopped) await this.#pause();
    }
  }

  async #follow(): Promise<void> {
    const { seat, log, onLead, onSeen } = this.#options;
    const began = this.#time.now();
    try {
      this.#seen = await seat.look();
      this.#trouble = undefined;
      onSeen?.(this.#seen);
      if (this.#isRetired) return;
      const term = await seat.take(this.#seen);
      if (term === undefined) return;
      if (this.#isStopped || this.#isRetired) {
        return await seat.resign(term, { isReleased: true });
      }
      this.#term = term;
      this.#lease.renewed(began);
      this.#watchExpiry();
      log.info("leads", { term });
      onLead(term);
    } catch (error) {
      this.#trouble = errorMessage(error);
      log.debug("seat_unknown", { error });
    } finally {
      this.#decided.resolve();
    }
  }

  async #lead(term: number): Promise<void> {
    const { seat, log } = this.#options;
    const began = this.#time.now();
    try {
      const isHeld = await seat.renew(term);
      this.#trouble = undefined;
      // The lease may have ended while it was being renewed.
      if (this.#term !== term) return;
      if (!isHeld) return this.#depose("another one leads");
      this.#lease.renewed(began);
      if (this.leftMs === 0) return;
      const since = this.#suspendedSince;
      this.#suspendedSince = undefined;
      this.#watchExpiry();
      if (since === undefined) return;
      log.info("leads_again", { term, after_ms: Math.round(this.#time.now() - since) });
      this.#options.onResumed?.(term);
    } catch (error) {
      this.#trouble = errorMessage(error);
      // Until its lease is over, nobody else takes it.
      const fields = { term, left_ms: Math.round(this.leftMs), error };
      // It has been said that it decides nothing now.
      if (this.#suspendedSince === undefined) log.warn("lease_not_renewed", fields);
      else log.debug("lease_not_renewed", fields);
    }
  }

  /**
   * Notes when its lease can no longer be relied on, whatever it waits for then, and deposes this process when
   * that has lasted for too long.
   */
  #watchExpiry(): void {
    this.#dropExpiry();
    const since = this.#suspendedSince;
    const waitMs = since === undefined
      ? this.leftMs
      : Math.max(0, since + SUSPENDED_MS - this.#time.now());
    this.#dropExpiry = this.#time.after(waitMs, () => {
      if (this.#term === undefined) return;
      const since = this.#suspendedSince;
      if (this.leftMs > 0) this.#watchExpiry();
      else if (since === undefined) this.#suspend("its lease could not be renewed in time");
      else if (this.#time.now() - since < SUSPENDED_MS) this.#watchExpiry();
      else this.#depose("its lease could not be renewed");
    });
  }

  /** Decides nothing until the lease is renewed. */
  #suspend(reason: string): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#lease.lost();
    if (this.#suspendedSince !== undefined) return;
    this.#suspendedSince = this.#time.now();
    this.#options.log.warn("leads_not_now", { term, reason });
    this.#watchExpiry();
    this.#wake();
  }

  #endLease(): void {
    this.#suspendedSince = undefined;
    this.#lease.lost();
    this.#dropExpiry();
  }

  #depose(reason: string): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    // It may be this process that was seen.
    this.#seen = undefined;
    this.#endLease();
    this.#options.log.warn("leads_no_more", { term, reason });
    this.#options.onDeposed(term, reason);
  }

  /** Waits until the next look, or until it is stopped. */
  #pause(): Promise<void> {
    const { renewMs, random = Math.random } = this.#options;
    const isSure = this.#term !== undefined && this.#suspendedSince === undefined;
    const ms = isSure ? renewMs : LOOK_MS * (1 - JITTER * random());
    return new Promise((resolve) => {
      const drop = this.#time.after(ms, resolve);
      this.#wake = () => {
        drop();
        resolve();
      };
    });
  }
}
