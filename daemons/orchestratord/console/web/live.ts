/** What the live feed (`GET /v2/events`) has sent so far. */
import type {
  ActivityData,
  ActivityKind,
  FleetData,
  HistoryData,
  RatesData,
} from "#shared/contracts/mod.ts";
import type { LiveActivity } from "./activity.ts";
import { followFeed } from "./feed.ts";
import { runClock, takeTime } from "./now.ts";
import { Store, useStore } from "./store.ts";
import { EVENT_WORDS } from "./words.ts";

/** Kinds of activities. The feed's other events are state: `rates`, `fleet` and `history`. */
export const KINDS = Object.keys(EVENT_WORDS) as ActivityKind[];

/** Columns of the charts: time in seconds first. */
export interface Series {
  readonly time: number[];
  readonly tokens: (number | null)[];
  readonly ttft: (number | null)[];
  readonly queue: (number | null)[];
  readonly failovers: (number | null)[];
}

/** Everything that the feed has sent. */
export interface Live {
  readonly isConnected: boolean;
  /** How often the feed was opened again, after it was lost or the page was hidden. */
  readonly returns: number;
  readonly rates: RatesData | undefined;
  readonly fleet: FleetData | undefined;
  /** Newest first. */
  readonly activities: readonly LiveActivity[];
  readonly series: Series;
}

/** Activities that are kept, at most, as in orchestratord. */
const KEPT = 500;

/** Time that the charts show, in seconds. */
export const SHOWN_S = 3600;

const NOTHING: Series = { time: [], tokens: [], ttft: [], queue: [], failovers: [] };

const UNKNOWN: Live = {
  isConnected: false,
  returns: 0,
  rates: undefined,
  fleet: undefined,
  activities: [],
  series: NOTHING,
};

const live = new Store(UNKNOWN);

/** Follows the feed until the returned function is called. */
export function follow(): () => void {
  let isFirst = true;
  const stop = followFeed({
    opened() {
      const { returns } = live.value;
      live.change({ isConnected: true, returns: isFirst ? returns : returns + 1 });
      isFirst = false;
    },
    lost: () => live.change({ isConnected: false }),
    received: (name, data, id) => take(name, JSON.parse(data), id),
  });
  const stopClock = runClock();
  return () => {
    stop();
    stopClock();
    live.set(UNKNOWN);
  };
}

/** Takes an event; ignores unknown kinds, which a newer orchestratord may send. */
function take(name: string, data: unknown, id: string): void {
  const { activities } = live.value;
  switch (name) {
    case "rates": {
      const rates = data as RatesData;
      takeTime(Date.parse(rates.at));
      return live.change({ rates, series: extended(live.value, rates) });
    }
    case "fleet":
      return live.change({ fleet: data as FleetData });
    case "history":
      return live.change({ series: seriesOf(data as HistoryData) });
  }
  const kind = KINDS.find((each) => each === name);
  if (kind === undefined || activities.some((each) => each.id === id && each.kind === kind)) return;
  const activity = { ...data as ActivityData, id, kind };
  live.change({ activities: [activity, ...activities].slice(0, KEPT) });
}

/** What is known, again whenever it changes. */
export function useLive(): Live {
  return useStore(live, (live) => live);
}

/** How often the feed came back: what was fetched before then may be old. */
export function useReturns(): number {
  return useStore(live, ({ returns }) => returns);
}

function seriesOf(past: HistoryData): Series {
  open = undefined;
  return {
    time: past.at.map((ms) => ms / 1000),
    tokens: [...past.tokens_per_second],
    ttft: [...past.ttft_ms],
    queue: [...past.queue_depth],
    failovers: [...past.failovers],
  };
}

/** The values of the last point, while it is not complete. */
interface Open {
  readonly since: number;
  readonly tokens: number[];
  readonly ttft: number[];
  queue: number;
  failovers: number;
}

/** Time that one point covers, in seconds, as in the history. */
const POINT_S = 10;

let open: Open | undefined;

/** The series with the current rates at its end, and without points that are too old. */
function extended({ series, rates: before }: Live, rates: RatesData): Series {
  const at = Date.parse(rates.at) / 1000;
  if (before?.at === rates.at || at < (series.time.at(-1) ?? 0)) return series;
  const isNew = open === undefined || at - open.since >= POINT_S;
  if (open === undefined || isNew) {
    open = { since: at, tokens: [], ttft: [], queue: 0, failovers: 0 };
  }
  open.tokens.push(rates.tokens_per_second);
  if (rates.ttft_ms !== null) open.ttft.push(rates.ttft_ms);
  open.queue = Math.max(open.queue, rates.queue_depth);
  open.failovers += Math.max(0, rates.failovers - (before?.failovers ?? rates.failovers));
  const from = Math.max(0, series.time.findIndex((time) => time > at - SHOWN_S));
  const to = isNew ? series.time.length : series.time.length - 1;
  const ended = <T>(column: readonly T[], last: T) => [...column.slice(from, to), last];
  return {
    time: ended(series.time, at),
    tokens: ended(series.tokens, mean(open.tokens)),
    ttft: ended(series.ttft, mean(open.ttft)),
    queue: ended(series.queue, open.queue),
    failovers: ended(series.failovers, open.failovers),
  };
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}
