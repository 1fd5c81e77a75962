import type { DatabaseSync } from "node:sqlite";
import type { TransactionPart } from "#shared/committer.ts";
import type { NumberedEvent } from "../job_store.ts";
import { type Entry, joined, toEvents } from "./event_rows.ts";

/** Events that stay in the log, at most; more make reads and starts slower. */
const MOST_EVENTS = 8_192;

/** Rows that stay in the log, at most: those of one job that waits would hold all later ones. */
const MOST_ROWS = 4_096;

/** As many events of a job in a transaction fill a row of its own: the log would only be a detour. */
const MANY = 16;

/** Characters of a row of the table of events, about: SQLite would put more than a quarter of a page elsewhere. */
const ROW_CHARS = 900;

/** Entries of a job that are in the log alone, and the first of the log's rows that has some. */
interface Logged {
  readonly seq: number;
  readonly entries: Entry[];
}

/** What a transaction does that has not ended. */
class Changes {
  readonly added = new Map<string, { readonly seq: number; readonly entries: Entry[] }>();
  /** Jobs whose events are in their table, or are no longer needed. */
  readonly settled = new Set<string>();
}

/**
 * The newest events of jobs. Each job has pages of its own in the table of events, so that a token of each of
 * many streams would write as many pages. Here all events of a transaction are one row; later those of a job are
 * moved to its pages together, several in a row. A job's events in the table come before those in the log.
 *
 * Its methods that write are called within a transaction of the committer that it is a part of.
 */
export class EventLog implements TransactionPart {
  readonly #db: DatabaseSync;
  readonly #insertRow;
  readonly #deleteRows;
  readonly #selectLast;
  readonly #insertEvents;
  /** By job, in the order of their first rows. */
  readonly #logged = new Map<string, Logged>();
  /** Events of all of them. */
  #count = 0;
  /** Lowest number that a row on disk may have. */
  #firstSeq = 1;
  /** Number of the newest row. */
  #lastSeq = 0;
  /** Of the write that is made now. */
  #open = new Changes();
  /** Of the transaction's writes before it. */
  #sealed = new Changes();
  #nextSeq: number;

  /** Knows what the log of a database holds, and writes nothing yet. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insertRow = db.prepare("INSERT INTO event_log (seq, events) VALUES (?, ?)");
    this.#deleteRows = db.prepare("DELETE FROM event_log WHERE seq < ?");
    this.#selectLast = db.prepare(
      "SELECT (SELECT max(id) FROM events WHERE events.job_id = jobs.job_id) AS last " +
        "FROM jobs WHERE job_id = ?",
    );
    this.#insertEvents = db.prepare(
      "INSERT INTO events (job_id, id, event, data) VALUES (?, ?, ?, ?)",
    );
    this.#load();
    this.#nextSeq = this.#lastSeq + 1;
  }

  /** Adds events to a job; those that it has already change nothing. */
  add(jobId: string, events: readonly NumberedEvent[]): void {
    if (events.length === 0) return;
    const last = this.#lastId(jobId);
    const entries = events.filter(({ id }) => id > last).map(toEntry);
    if (entries.length === 0) return;
    if (this.#isSettled(jobId)) return this.#insert(jobId, entries);
    const open = this.#open.added.get(jobId);
    if (open) open.entries.push(...entries);
    else this.#open.added.set(jobId, { seq: this.#nextSeq, entries });
  }

  /** Moves all events of a job to the table of events. */
  settle(jobId: string): void {
    if (this.#isSettled(jobId)) return;
    this.#insert(jobId, this.#entriesOf(jobId));
    this.forget(jobId);
  }

  /** Drops the events of a job that is removed. */
  forget(jobId: string): void {
    this.#open.settled.add(jobId);
  }

  /** Moves the events of the jobs that have been in the log for longest; at most those of `most` jobs. */
  settleOldest(most: number): void {
    let left = most;
    for (const jobId of this.#logged.keys()) {
      if (left-- === 0) return;
      this.settle(jobId);
    }
  }

  /** Number of the newest row that a committed event is in; {@linkcode holds} tells when it is gone. */
  get newest(): number {
    return this.#lastSeq;
  }

  /** Whether a row up to a number may be on disk. */
  holds(seq: number): boolean {
    return this.#firstSeq <= seq;
  }

  /** Committed events of a job after an id that are in the log alone, in order. */
  tail(jobId: string, after: number, limit: number): NumberedEvent[] {
    const entries = this.#logged.get(jobId)?.entries ?? [];
    return entries.filter(({ id }) => id > after).slice(0, limit)
      .flatMap(({ id, event, data }) => toEvents({ id, event, data }));
  }

  seal(): void {
    const { added, settled } = this.#open;
    for (const [jobId, { entries }] of added) if (entries.length >= MANY) this.settle(jobId);
    this.#trim();
    let row = "";
    for (const [jobId, { entries }] of added) {
      if (settled.has(jobId)) continue;
      const job = JSON.stringify(jobId);
      for (const { id, event, data } of entries) {
        row += `${row === "" ? "[" : ","}[${job},${id},"${event}",${data}]`;
      }
    }
    if (row !== "") this.#insertRow.run(this.#nextSeq++, `${row}]`);
    for (const jobId of settled) this.#sealed.settled.add(jobId);
    for (const [jobId, { seq, entries }] of added) {
      const sealed = this.#sealed.added.get(jobId);
      if (sealed) sealed.entries.push(...entries);
      else this.#sealed.added.set(jobId, { seq, entries });
    }
    this.#open = new Changes();
    const first = this.#firstNeeded();
    if (first > this.#firstSeq) this.#deleteRows.run(first);
  }

  drop(): void {
    this.#open = new Changes();
  }

  ended(isCommitted: boolean): void {
    if (isCommitted) {
      this.#firstSeq = this.#firstNeeded();
      this.#lastSeq = this.#nextSeq - 1;
      for (const jobId of this.#sealed.settled) this.#remove(jobId);
      for (const [jobId, { seq, entries }] of this.#sealed.added) {
        if (!this.#sealed.settled.has(jobId)) this.#put(jobId, seq, entries);
      }
    } else this.#nextSeq = this.#lastSeq + 1;
    this.#open = new Changes();
    this.#sealed = new Changes();
  }

  /** Moves the oldest until the bounds are kept. */
  #trim(): void {
    let events = this.#count;
    for (const { entries } of this.#open.added.values()) events += entries.length;
    for (const [jobId, { seq, entries }] of this.#logged) {
      const isOver = events > MOST_EVENTS || this.#nextSeq - seq > MOST_ROWS;
      if (!isOver) return;
      this.settle(jobId);
      events -= entries.length;
    }
  }

  /** Number of the first row that has events which are nowhere else, or of the next one. */
  #firstNeeded(): number {
    const { added, settled } = this.#sealed;
    for (const [jobId, { seq }] of this.#logged) if (!settled.has(jobId)) return seq;
    let first = this.#nextSeq;
    for (const [jobId, { seq }] of added) if (!settled.has(jobId)) first = Math.min(first, seq);
    return first;
  }

  #isSettled(jobId: string): boolean {
    return this.#open.settled.has(jobId) || this.#sealed.settled.has(jobId);
  }

  #entriesOf(jobId: string): Entry[] {
    const parts = [this.#logged, this.#sealed.added, this.#open.added];
    return parts.flatMap((part) => part.get(jobId)?.entries ?? []);
  }

  /** Id of a job's last event; 0 if it has none. */
  #lastId(jobId: string): number {
    const added = this.#isSettled(jobId)
      ? undefined
      : this.#open.added.get(jobId) ?? this.#sealed.added.get(jobId) ?? this.#logged.get(jobId);
    const last = added ? added.entries.at(-1)!.id : this.#storedLast(jobId);
    if (last === undefined) throw new Error(`The constraint failed that the job ${jobId} is there`);
    return last;
  }

  /** Id of a job's last event in the table of events; undefined if the job is not there. */
  #storedLast(jobId: string): number | undefined {
    const row = this.#selectLast.get(jobId);
    return row && Number(row["last"] ?? 0);
  }

  #insert(jobId: string, entries: readonly Entry[]): void {
    let row: Entry[] = [];
    let chars = 0;
    const write = () => {
      const last = row.at(-1);
      if (last) this.#insertEvents.run(jobId, last.id, ...joined(row));
      row = [];
      chars = 0;
    };
    for (const entry of entries) {
      const isNext = row.length === 0 || entry.id === row.at(-1)!.id + 1;
      if (!isNext || chars + entry.data.length > ROW_CHARS) write();
      row.push(entry);
      chars += entry.event.length + entry.data.length;
    }
    write();
  }

  #put(jobId: string, seq: number, entries: readonly Entry[]): void {
    const logged = this.#logged.get(jobId);
    if (logged) logged.entries.push(...entries);
    else this.#logged.set(jobId, { seq, entries: [...entries] });
    this.#count += entries.length;
  }

  #remove(jobId: string): void {
    this.#count -= this.#logged.get(jobId)?.entries.length ?? 0;
    this.#logged.delete(jobId);
  }

  #load(): void {
    /** Ids of the jobs' last events in their table; undefined for a job that is gone. */
    const last = new Map<string, number | undefined>();
    const rows = this.#db.prepare("SELECT seq, events FROM event_log ORDER BY seq").all();
    this.#firstSeq = Number(rows[0]?.["seq"] ?? 1);
    this.#lastSeq = Number(rows.at(-1)?.["seq"] ?? 0);
    for (const { seq, events } of rows) {
      const all = JSON.parse(String(events)) as [string, number, string, unknown][];
      for (const [jobId, id, event, data] of all) {
        if (!last.has(jobId)) last.set(jobId, this.#storedLast(jobId));
        if (id > (last.get(jobId) ?? Infinity)) {
          this.#put(jobId, Number(seq), [{ id, event, data: JSON.stringify(data) }]);
        }
      }
    }
  }
}

const toEntry = ({ id, event }: NumberedEvent): Entry => ({
  id,
  event: event.event,
  data: JSON.stringify(event.data),
});
