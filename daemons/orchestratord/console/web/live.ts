/** What the live feed (`GET /v2/events`) has told so far. */
import type {
  ActivityData,
  ActivityKind,
  FleetData,
  HistoryData,
  RatesData,
} from "#shared/contracts/mod.ts";
import { useEffect, useState } from "preact/hooks";

/** Names of what happens; the feed's other events are how much is going on. */
export const KINDS: readonly ActivityKind[] = [
  "started",
  "pool_seen",
  "pool_lost",
  "pool_left",
  "spawn",
  "spawn_failed",
  "ready",
  "evict",
  "stop",
  "exit",
  "failover",
  "job_failed",
  "drain",
  "undrain",
  "reload",
  "load",
  "unload",
  "pin",
  "unpin",
  "gap",
];

/** Something that happened. */
export interface Told extends ActivityData {
  readonly id: string;
  readonly kind: ActivityKind;
}

/** Columns of the charts: time in seconds first. */
export interface Series {
  readonly time: number[];
  readonly tokens: (number | null)[];
  readonly ttft: (number | null)[];
  readonly queue: (number | null)[];
  readonly failovers: (number | null)[];
}

/** All that is known. */
export interface Live {
  readonly isConnected: boolean;
  readonly rates: RatesData | undefined;
  readonly fleet: FleetData | undefined;
  /** Newest first. */
  readonly told: readonly Told[];
  readonly series: Series;
}

/** What is kept of what happened, as in orchestratord. */
const KEPT = 500;

/** The charts show so much, in seconds. */
export const SHOWN_S = 3600;

const NOTHING: Series = { time: [], tokens: [], ttft: [], queue: [], failovers: [] };

let live: Live = {
  isConnected: false,
  rates: undefined,
  fleet: undefined,
  told: [],
  series: NOTHING,
};
const listeners = new Set<() => void>();

function change(part: Partial<Live>): void {
  live = { ...live, ...part };
  for (const listener of listeners) listener();
}

/** Follows the feed until the returned function is called. */
export function follow(): () => void {
  const source = new EventSource("/v2/events");
  const on = <T>(name: string, take: (data: T, id: string) => void) =>
    source.addEventListener(name, (event: MessageEvent<string>) => {
      take(JSON.parse(event.data), event.lastEventId);
    });
  source.onopen = () => change({ isConnected: true });
  source.onerror = () => change({ isConnected: false });
  on<RatesData>("rates", (rates) => change({ rates, series: extended(live, rates) }));
  on<FleetData>("fleet", (fleet) => change({ fleet }));
  on<HistoryData>("history", (past) => change({ series: seriesOf(past) }));
  for (const kind of KINDS) {
    on<ActivityData>(kind, (data, id) => {
      if (live.told.some((each) => each.id === id && each.kind === kind)) return;
      change({ told: [{ ...data, id, kind }, ...live.told].slice(0, KEPT) });
    });
  }
  return () => {
    source.close();
    live = { isConnected: false, rates: undefined, fleet: undefined, told: [], series: NOTHING };
  };
}

/** What is known, again whenever it changes. */
export function useLive(): Live {
  const [now, set] = useState(live);
  useEffect(() => {
    const listener = () => set(live);
    listeners.add(listener);
    listener();
    return () => void listeners.delete(listener);
  }, []);
  return now;
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

/** What the last point stands for while it is not full. */
interface Open {
  readonly since: number;
  readonly tokens: number[];
  readonly ttft: number[];
  queue: number;
  failovers: number;
}

/** A point stands for so much time, in seconds, as in the history. */
const POINT_S = 10;

let open: Open | undefined;

/** The series with what is now at its end, and without what is too old. */
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
