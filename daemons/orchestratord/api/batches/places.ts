import type { Clock } from "#shared/clock.ts";
import { onAbort } from "#shared/aborts.ts";

/** How often the queue is looked at while a request waits for a place, in ms. */
const LOOK_MS = 250;

/** Dependencies of {@linkcode Places}. */
export interface PlacesDeps {
  readonly clock: Pick<Clock, "after">;
  /** Waiting jobs of all kinds, and those that may wait. */
  readonly queue: () => { readonly waiting: number; readonly capacity: number };
  /** Requests of one tenant that may wait at a time. */
  readonly mostWaiting: () => number;
}

/** A place in the queue that a request of a batch has. */
export interface Place {
  /** Its job is in the queue. */
  queued(): void;
  /** Its job runs. */
  started(): void;
  /** Its job has ended, or was not accepted. */
  ended(): void;
}

/** A request that waits for a place. */
interface Waiter {
  readonly tenant: string;
  readonly mostOpen: number;
  readonly resolve: (place: Place | undefined) => void;
}

type Stage = "granted" | "queued" | "started";

/**
 * Gives places in the queue to the requests of batches, in the order in which they ask: while the queue is
 * less than half full, and within the bounds of each tenant. So others always find room.
 */
export class Places {
  readonly #deps: PlacesDeps;
  readonly #taken = new Set<{ readonly tenant: string; stage: Stage }>();
  readonly #waiters = new Set<Waiter>();
  #stopLooking: (() => void) | undefined;

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
  }

  /**
   * Waits for a place.
   *
   * @param mostOpen Waiting and running requests that the tenant may have.
   * @returns undefined if the signal aborts first
   */
  take(tenant: string, mostOpen: number, signal: AbortSignal): Promise<Place | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        tenant,
        mostOpen,
        resolve(place) {
          forget();
          resolve(place);
        },
      };
      const forget = onAbort(signal, () => {
        if (this.#waiters.delete(waiter)) resolve(undefined);
      });
      this.#waiters.add(waiter);
      this.#grant();
    });
  }

  /** The place of a job that is there already. */
  adopt(tenant: string): Place {
    const place = this.#place(tenant);
    place.queued();
    return place;
  }

  #place(tenant: string): Place {
    const own: { readonly tenant: string; stage: Stage } = { tenant, stage: "granted" };
    this.#taken.add(own);
    const to = (stage: Stage) => {
      if (own.stage === stage) return;
      own.stage = stage;
      this.#grant();
    };
    return {
      queued: () => to("queued"),
      started: () => to("started"),
      ended: () => {
        if (this.#taken.delete(own)) this.#grant();
      },
    };
  }

  /** Gives the free places to those that wait. */
  #grant(): void {
    for (const waiter of this.#waiters) {
      if (!this.#isFree(waiter)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(this.#place(waiter.tenant));
    }
    this.#look();
  }

  #isFree({ tenant, mostOpen }: Waiter): boolean {
    const { waiting, capacity } = this.#deps.queue();
    const taken = [...this.#taken];
    const granted = taken.filter(({ stage }) => stage === "granted").length;
    if (waiting + granted >= capacity / 2) return false;
    const own = taken.filter((each) => each.tenant === tenant);
    const ownWaiting = own.filter(({ stage }) => stage !== "started").length;
    return ownWaiting < this.#deps.mostWaiting() && own.length < mostOpen;
  }

  /** Looks again later while requests wait: nobody says when jobs of others leave the queue. */
  #look(): void {
    if (this.#waiters.size === 0) {
      this.#stopLooking?.();
      this.#stopLooking = undefined;
      return;
    }
    this.#stopLooking ??= this.#deps.clock.after(LOOK_MS, () => {
      this.#stopLooking = undefined;
      this.#grant();
    });
  }
}
