/**
 * Rows of SQLite's table of events: an event, or several that follow one another.
 *
 * @module
 */
import type { NumberedEvent } from "../job_store.ts";
import { toEvent } from "../rows/job.ts";
import type { Row } from "../rows/row.ts";

/** An event of a job; `data` is JSON. */
export interface Entry {
  readonly id: number;
  readonly event: string;
  readonly data: string;
}

/** Column `event` of a row with several events: `data` has all of them, and `id` is the last one's. */
const JOINED = "joined";

/** Columns `event` and `data` of a row with one or more events. */
export function joined(entries: readonly Entry[]): [event: string, data: string] {
  const [first] = entries;
  if (entries.length === 1) return [first!.event, first!.data];
  return [JOINED, `[${entries.map(({ event, data }) => `["${event}",${data}]`).join()}]`];
}

/** The events of a row, in order. */
export function toEvents(row: Row): NumberedEvent[] {
  return singleRows(row).map(toEvent);
}

/** A row for each event of a row. */
export function singleRows(row: Row): Row[] {
  if (row["event"] !== JOINED) return [row];
  const all = JSON.parse(String(row["data"])) as [string, unknown][];
  const first = Number(row["id"]) - all.length + 1;
  return all.map(([event, data], n) => ({
    ...{ ...row, id: first + n, event },
    data: JSON.stringify(data),
  }));
}
