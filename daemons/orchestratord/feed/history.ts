import type { Clock } from "#shared/clock.ts";
import type { HistoryData, RatesData } from "#shared/contracts/mod.ts";

/** Time that one point of the last hour covers, in ms. */
const POINT_MS = 10_000;
const POINTS = 360;

/** Counts since the start. */
export interface Counts {
  readonly tokens: number;
  /** Jobs that have delivered a first token. */
  readonly answered: number;
  /** Sum of their times to the first token, in seconds. */
  readonly ttftSeconds: number;
  readonly accepted: number;
  readonly ended: number;
  readonly failovers: number;
}

/** Current number of jobs. */
export interface Levels {
  readonly queued: number;
  readonly capacity: number;
  readonly running: number;
}

type Columns = Omit<HistoryData, "interval_ms">;

/** Counts at the start of a span of time. */
interface Span {
  readonly from: Counts;
  /** Steady time, in ms. */
  readonly since: number;
}

/** Turns counts into rates, and keeps the rates of the last hour. */
export class History {
  readonly #clock: Clock;
  #second: Span;
  #point: Span;
  #deepest = 0;
  #busiest = 0;
  #rates: RatesData;
  readonly #columns: Record<keyof Columns, (number | null)[]> = {
    at: [],
    tokens_per_second: [],
    ttft_ms: [],
    queue_depth: [],
    running: [],
    failovers: [],
  };

  constructor(clock: Clock, counts: Counts, levels: Levels) {
    this.#clock = clock;
    this.#second = this.#point = { from: counts, since: clock.steady() };
    this.#rates = this.#ratesOf(counts, levels, 0, null);
  }

  /** The rates as of the last {@linkcode look}. */
  get rates(): RatesData {
    return this.#rates;
  }

  /** The last hour, without the point that is not complete yet. */
  get past(): HistoryData {
    return { interval_ms: POINT_MS, ...this.#columns } as HistoryData;
  }

  /** Takes the current counts, to measure what came since the last call; to be called about once a second. */
  look(counts: Counts, levels: Levels): void {
    const now = this.#clock.steady();
    const { perSecond, ttft } = between(this.#second, counts, now);
    this.#rates = this.#ratesOf(counts, levels, perSecond, ttft);
    this.#second = { from: counts, since: now };
    this.#deepest = Math.max(this.#deepest, levels.queued);
    this.#busiest = Math.max(this.#busiest, levels.running);
    if (now - this.#point.since >= POINT_MS) this.#keep(counts, now);
  }

  #keep(counts: Counts, now: number): void {
    const { perSecond, ttft } = between(this.#point, counts, now);
    const point: Record<keyof Columns, number | null> = {
      at: this.#clock.now(),
      tokens_per_second: perSecond,
      ttft_ms: ttft,
      queue_depth: this.#deepest,
      running: this.#busiest,
      failovers: counts.failovers - this.#point.from.failovers,
    };
    for (const [name, value] of Object.entries(point)) {
      const column = this.#columns[name as keyof Columns];
      column.push(value);
      if (column.length > POINTS) column.shift();
    }
    this.#point = { from: counts, since: now };
    this.#deepest = this.#busiest = 0;
  }

  #ratesOf(counts: Counts, levels: Levels, perSecond: number, ttft: number | null): RatesData {
    return {
      at: new Date(this.#clock.now()).toISOString(),
      tokens_per_second: perSecond,
      ttft_ms: ttft,
      queue_depth: levels.queued,
      queue_capacity: levels.capacity,
      running: levels.running,
      accepted: counts.accepted,
      ended: counts.ended,
      failovers: counts.failovers,
    };
  }
}

function between({ from, since }: Span, to: Counts, now: number) {
  const seconds = Math.max(1, now - since) / 1000;
  const answered = to.answered - from.answered;
  const perSecond = round((to.tokens - from.tokens) / seconds);
  const ttft = answered === 0 ? null : round(1000 * (to.ttftSeconds - from.ttftSeconds) / answered);
  return { perSecond, ttft };
}

/** Rounds to one decimal place. */
const round = (value: number) => Math.round(10 * value) / 10;
