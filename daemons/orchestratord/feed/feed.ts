import { onAbort } from "#shared/aborts.ts";
import type { Clock } from "#shared/clock.ts";
import type { Activity, FleetData, HistoryData, RatesData } from "#shared/contracts/mod.ts";
import { formatSse } from "#shared/http/sse.ts";

/** Activities that are kept, at most; the log has all of them. */
const KEPT = 500;

/** Activities are collected for this long before they are sent together, in ms. */
const GATHER_MS = 200;

/** Options of {@linkcode Feed.read}. */
export interface FeedReader {
  /** Id of the last event that the reader has; undefined to get all that are kept. */
  readonly after: number | undefined;
  /** Whether it may see activities about this tenant's jobs. */
  readonly maySee: (tenant: string) => boolean;
  /** Removes from the text what the reader may not see; undefined if it may see all. */
  readonly show?: ((text: string) => string) | undefined;
  readonly signal: AbortSignal;
  /** Whether to go on with new activities after the kept ones. */
  readonly follow: boolean;
}

/** Dependencies of {@linkcode Feed}. */
export interface FeedSources {
  readonly clock: Clock;
  /** The current pools and workers. */
  readonly fleet: () => FleetData;
  /** The current rates. */
  readonly rates: () => RatesData;
  /** Rates of the last hour. */
  readonly history: () => HistoryData;
}

/** An encoded activity. */
interface Entry {
  readonly id: number;
  readonly tenant: string | undefined;
  readonly frame: string;
}

/** One write, shared by all readers that have got the previous one. */
interface Batch {
  /** One more than that of the previous batch. */
  readonly number: number;
  /** Id of the last entry that was sent before it. */
  readonly after: number;
  /** Id of the last entry in it. */
  readonly lastId: number;
  readonly bytes: Uint8Array;
  /** Versions of the fleet before and after it. */
  readonly fleet: readonly [before: number, after: number];
  /** Whether it contains an activity about somebody's job. */
  readonly isPrivate: boolean;
}

/**
 * The live feed behind `GET /v2/events`. Events are encoded once for all readers: readers that keep up
 * share the bytes, and slower ones get what they miss from the kept entries. Nothing is buffered per
 * reader.
 *
 * Ids go on over restarts: the first one is the time of the start in ms.
 */
export class Feed {
  readonly #sources: FeedSources;
  readonly #encoder = new TextEncoder();
  readonly #firstId: number;
  readonly #wakes = new Set<() => void>();
  #entries: Entry[] = [];
  #lastId: number;
  #batch: Batch;
  #fleet = "";
  /** Counts how often the fleet changed. */
  #fleetVersion = 0;
  #gathering: (() => void) | undefined;
  #isClosed = false;

  constructor(sources: FeedSources) {
    this.#sources = sources;
    this.#firstId = sources.clock.now();
    const lastId = this.#lastId = this.#firstId;
    const bytes = new Uint8Array();
    this.#batch = { number: 0, after: 0, lastId, bytes, fleet: [0, 0], isPrivate: false };
  }

  /**
   * Adds an activity; readers get it soon.
   *
   * @param tenant Owner of the job that it is about; undefined if everybody may see it.
   */
  add({ kind, ...more }: Activity, tenant?: string): void {
    const { clock } = this.#sources;
    const id = ++this.#lastId;
    const data = { at: new Date(clock.now()).toISOString(), ...more };
    this.#entries.push({ id, tenant, frame: formatSse(kind, data, id) });
    if (this.#entries.length > KEPT) this.#entries.shift();
    if (this.#wakes.size === 0) return;
    this.#gathering ??= clock.after(GATHER_MS, () => this.send());
  }

  /** Sends new activities and the current rates to all readers. */
  send(): void {
    this.#gathering?.();
    this.#gathering = undefined;
    if (this.#wakes.size === 0) return;
    const { number, lastId, fleet: [, before] } = this.#batch;
    this.#lookAtFleet();
    const entries = this.#entries.filter(({ id }) => id > lastId);
    this.#batch = {
      number: number + 1,
      after: lastId,
      lastId: this.#lastId,
      bytes: this.#encoder.encode(this.#text(entries, before)),
      fleet: [before, this.#fleetVersion],
      isPrivate: entries.some(({ tenant }) => tenant !== undefined),
    };
    this.#wake();
  }

  /** Ends all reads. */
  close(): void {
    this.#isClosed = true;
    this.#gathering?.();
    this.#wake();
  }

  /** Yields the frames for one reader. */
  async *read({ after, maySee, show, signal, follow }: FeedReader): AsyncGenerator<Uint8Array> {
    let resolve = () => {};
    const wake = () => resolve();
    this.#wakes.add(wake);
    const forget = onAbort(signal, wake);
    const entriesAfter = (cursor: number, last: number) =>
      this.#entries.filter(({ id, tenant }) =>
        id > cursor && id <= last && (tenant === undefined || maySee(tenant))
      );
    try {
      this.#lookAtFleet();
      let { number } = this.#batch;
      let cursor = this.#lastId;
      let fleet = this.#fleetVersion;
      const entries = entriesAfter(this.#isKnown(after) ? after : 0, cursor);
      const history = formatSse("history", this.#sources.history());
      const encode = (text: string) => this.#encoder.encode(show?.(text) ?? text);
      yield encode(this.#gap(after) + history + this.#text(entries, -1));
      while (follow && !signal.aborted && !this.#isClosed) {
        const batch = this.#batch;
        if (batch.number === number) {
          await new Promise<void>((wakeUp) => resolve = wakeUp);
          continue;
        }
        const isNext = batch.number === number + 1 && batch.after === cursor &&
          batch.fleet[0] === fleet;
        const text = isNext && !batch.isPrivate && !show
          ? undefined
          : this.#text(entriesAfter(cursor, batch.lastId), fleet);
        cursor = Math.max(cursor, batch.lastId);
        fleet = text === undefined ? batch.fleet[1] : this.#fleetVersion;
        number = batch.number;
        yield text === undefined ? batch.bytes : encode(text);
      }
    } finally {
      this.#wakes.delete(wake);
      forget();
    }
  }

  /** Entries, the current rates, and the fleet if it is newer than `version`. */
  #text(entries: readonly Entry[], version: number): string {
    const fleet = this.#fleetVersion > version ? this.#fleet : "";
    const rates = formatSse("rates", this.#sources.rates());
    return entries.map(({ frame }) => frame).join("") + fleet + rates;
  }

  #lookAtFleet(): void {
    const fleet = formatSse("fleet", this.#sources.fleet());
    if (fleet === this.#fleet) return;
    this.#fleet = fleet;
    this.#fleetVersion++;
  }

  /** Whether an id was given out by this process. */
  #isKnown(after: number | undefined): after is number {
    return after !== undefined && after >= this.#firstId && after <= this.#lastId;
  }

  /** The `gap` event for a reader that has missed entries that are no longer kept; it has no id. */
  #gap(after: number | undefined): string {
    const oldest = this.#entries[0]?.id ?? this.#lastId + 1;
    if (after === undefined || (this.#isKnown(after) && after >= oldest - 1)) return "";
    const at = new Date(this.#sources.clock.now()).toISOString();
    const message = "Older events are no longer kept here; the log has them";
    return formatSse("gap", { at, message });
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }
}
