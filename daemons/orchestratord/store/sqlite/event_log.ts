import type { DatabaseSync } from "node:sqlite";
import type { TransactionPart } from "#shared/committer.ts";
import type { NumberedEvent } from "../job_store.ts";
import { toEvent } from "../rows/job.ts";

/** Events that stay in the log, at most; more make reads and starts slower. */
const MOST_EVENTS = 8_192;

/** Rows that stay in the log, at most: those of one job that waits would hold all later ones. */
const MOST_ROWS = 4_096;

/** Rows of the table of events that one statement writes. */
const ROWS = 16;

/** An event of a job that is known; `data` is JSON. */
interface Entry {
  readonly id: number;
  readonly event: string;
  readonly data: string;
}

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
 * moved to its pages together. A job's events in the table come before those in the log.
 *
 * Its methods that write are called within a transaction of the committer that it is a part of.
 */
export class EventLog implements TransactionPart {
  readonly #db: DatabaseSync;
  readonly #insertRow;
  readonly #deleteRows;
  readonly #jobExists;
  readonly #insertOne;
  readonly #insertMany;
  /** By job, in the order of their first rows. */
  readonly #logged = new Map<string, Logged>();
  #count = 0;
  /** Lowest number that a row on disk may have. */
  #firstSeq: number;
  /** Number of the newest row. */
  #lastSeq: number;
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
    this.#jobExists = db.prepare("SELECT 1 FROM jobs WHERE job_id = ?");
    this.#insertOne = db.prepare(insertion(1));
    this.#insertMany = db.prepare(insertion(ROWS));
    this.#firstSeq = 1;
    this.#lastSeq = 0;
    this.#load();
    this.#nextSeq = this.#lastSeq + 1;
  }

  /** Events that are in the log alone. */
  get size(): number {
    return this.#count;
  }

  /** Adds events to a job; those that it has already change nothing. */
  add(jobId: string, events: readonly NumberedEvent[]): void {
    if (this.#isSettled(jobId)) {
      for (const each of events) this.#insertOne.run(jobId, ...values(toEntry(each)));
      return;
    }
    const last = this.#lastId(jobId);
    if (last === undefined && !this.#jobExists.get(jobId)) {
      throw new Error(`The constraint failed that the job ${jobId} is there`);
    }
    const entries = events.filter(({ id }) => id > (last ?? 0)).map(toEntry);
    if (entries.length === 0) return;
    const open = this.#open.added.get(jobId);
    if (open) open.entries.push(...entries);
    else this.#open.added.set(jobId, { seq: this.#nextSeq, entries });
  }

  /** Moves all events of a job to the table of events. */
  settle(jobId: string): void {
    if (this.#isSettled(jobId)) return;
    const entries = this.#entriesOf(jobId);
    this.forget(jobId);
    let at = 0;
    for (; at + ROWS <= entries.length; at += ROWS) {
      const rows = entries.slice(at, at + ROWS);
      this.#insertMany.run(...rows.flatMap((entry) => [jobId, ...values(entry)]));
    }
    for (; at < entries.length; at++) this.#insertOne.run(jobId, ...values(entries[at]!));
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
      .map(({ id, event, data }) => toEvent({ id, event, data }));
  }

  seal(): void {
    const { added, settled } = this.#open;
    this.#trim();
    const rows = [...added].filter(([jobId]) => !settled.has(jobId)).flatMap((
      [jobId, { entries }],
    ) =>
      entries.map(({ id, event, data }) => `[${JSON.stringify(jobId)},${id},"${event}",${data}]`)
    );
    if (rows.length > 0) this.#insertRow.run(this.#nextSeq++, `[${rows.join()}]`);
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

  /** Id of the job's last event in the log; undefined if it has none there. */
  #lastId(jobId: string): number | undefined {
    const added = this.#open.added.get(jobId) ?? this.#sealed.added.get(jobId) ??
      this.#logged.get(jobId);
    return added?.entries.at(-1)?.id;
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
    const lastOf = this.#db.prepare(
      "SELECT (SELECT max(id) FROM events WHERE events.job_id = jobs.job_id) AS last " +
        "FROM jobs WHERE job_id = ?",
    );
    /** Ids of the jobs' last events in their table; undefined for a job that is gone. */
    const last = new Map<string, number | undefined>();
    const rows = this.#db.prepare("SELECT seq, events FROM event_log ORDER BY seq").all();
    this.#firstSeq = Number(rows[0]?.["seq"] ?? 1);
    this.#lastSeq = Number(rows.at(-1)?.["seq"] ?? 0);
    for (const { seq, events } of rows) {
      const all = JSON.parse(String(events)) as [string, number, string, unknown][];
      for (const [jobId, id, event, data] of all) {
        if (!last.has(jobId)) {
          const row = lastOf.get(jobId);
          last.set(jobId, row && Number(row["last"] ?? 0));
        }
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

const values = ({ id, event, data }: Entry) => [id, event, data];

function insertion(rows: number): string {
  const places = Array.from({ length: rows }, () => "(?, ?, ?, ?)").join(", ");
  // What is stored already stays as it is.
  return `INSERT INTO events (job_id, id, event, data) VALUES ${places} ON CONFLICT DO NOTHING`;
}
