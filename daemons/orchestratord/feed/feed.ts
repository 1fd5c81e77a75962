import { onAbort } from "#shared/aborts.ts";
import type { Clock } from "#shared/clock.ts";
import type { Activity, FleetData, HistoryData, RatesData } from "#shared/contracts/mod.ts";
import { formatSse } from "#shared/http/sse.ts";

/** What happened is kept up to so many; the log has all of it. */
const KEPT = 500;

/** What happened is sent after this time, in ms, together with what follows at once. */
const GATHER_MS = 200;

/** Who reads the feed, and from where on. */
export interface FeedReader {
  /** Id of the last event that it has; undefined: it wants all that is kept. */
  readonly after: number | undefined;
  /** Whether it may see what happened to this tenant's jobs. */
  readonly maySee: (tenant: string) => boolean;
  /** What of its words the reader may see; undefined: all. */
  readonly show?: ((text: string) => string) | undefined;
  readonly signal: AbortSignal;
  /** Goes on after what is known now. */
  readonly follow: boolean;
}

/** What is told to readers. */
export interface FeedSources {
  readonly clock: Clock;
  /** Pools and workers as they are. */
  readonly fleet: () => FleetData;
  /** How much is going on. */
  readonly rates: () => RatesData;
  /** And was in the last hour. */
  readonly history: () => HistoryData;
}

/** Something that happened, encoded. */
interface Entry {
  readonly id: number;
  readonly tenant: string | undefined;
  readonly frame: string;
}

/** One write for everybody who has had the one before. */
interface Batch {
  /** Counts them. */
  readonly number: number;
  /** The last entry that was sent before it. */
  readonly after: number;
  /** The last entry in it. */
  readonly lastId: number;
  readonly bytes: Uint8Array;
  /** Versions of the fleet before and after it. */
  readonly fleet: readonly [before: number, after: number];
  /** It tells of somebody's job. */
  readonly isPrivate: boolean;
}

/**
 * The live feed behind `GET /v2/events`. What is sent is encoded once, however many read: readers that
 * keep up share the bytes, and the others are given what they miss from what is kept. Nothing is
 * buffered for anybody.
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
   * Tells of something that happened.
   *
   * @param tenant Whose job it happened to; undefined: everybody may know.
   */
  tell({ kind, ...more }: Activity, tenant?: string): void {
    const { clock } = this.#sources;
    const id = ++this.#lastId;
    const data = { at: new Date(clock.now()).toISOString(), ...more };
    this.#entries.push({ id, tenant, frame: formatSse(kind, data, id) });
    if (this.#entries.length > KEPT) this.#entries.shift();
    if (this.#wakes.size === 0) return;
    this.#gathering ??= clock.after(GATHER_MS, () => this.send());
  }

  /** Sends what is new, and how much is going on, to everybody who reads. */
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

  /** Lets every reader go. */
  close(): void {
    this.#isClosed = true;
    this.#gathering?.();
    this.#wake();
  }

  /** The frames of one reader. */
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

  /** Entries, how much is going on, and the fleet for who has an older version of it. */
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

  /** What a reader is told that has missed what is no longer kept; it has no id. */
  #gap(after: number | undefined): string {
    const oldest = this.#entries[0]?.id ?? this.#lastId + 1;
    if (after === undefined || (this.#isKnown(after) && after >= oldest - 1)) return "";
    const at = new Date(this.#sources.clock.now()).toISOString();
    const message = "What happened between is no longer kept; the log has it";
    return formatSse("gap", { at, message });
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }
}
