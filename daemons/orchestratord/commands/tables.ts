import { singleRows } from "../store/sqlite/event_rows.ts";

/** A table of both stores. */
export interface Table {
  readonly name: string;
  /** Columns that put its rows into an order. */
  readonly order: string;
  /** Rows that one step copies: fewer where they are large. */
  readonly rows: number;
  /** Which rows are copied; others were being written or removed when the program ended. */
  readonly where?: string;
  /** The same in SQLite, where it differs. */
  readonly sqliteWhere?: string;
  /** Values of columns that only SQLite has. */
  readonly sqliteOnly?: Readonly<Record<string, number>>;
  /** The rows that a row of SQLite becomes; absent: it stays as it is. */
  readonly split?: typeof singleRows;
}

const READY = "SELECT seq FROM files WHERE state = 'ready'";

/** Every table with what is stored, those that others refer to first. */
export const TABLES: readonly Table[] = [
  { name: "api_keys", order: "key_id", rows: 500 },
  { name: "key_tokens", order: "key_id, day", rows: 500 },
  { name: "sessions", order: "secret_sha256", rows: 500 },
  { name: "pools", order: "pool_id", rows: 500 },
  { name: "drains", order: "pool_id", rows: 500 },
  { name: "pins", order: "fingerprint, pool_id, device", rows: 500 },
  { name: "jobs", order: "seq", rows: 50 },
  {
    ...{ name: "events", order: "job_id, id", rows: 1000 },
    split: singleRows,
  },
  { name: "responses", order: "seq", rows: 20 },
  { name: "files", order: "seq", rows: 500, where: "state = 'ready'" },
  { name: "file_parts", order: "file_seq, part", rows: 8, where: `file_seq IN (${READY})` },
  { name: "batches", order: "seq", rows: 500 },
  {
    ...{ name: "batch_results", order: "batch_seq, line", rows: 100 },
    where: "batch_seq IN (SELECT seq FROM batches)",
  },
  {
    ...{ name: "images", order: "seq", rows: 500 },
    ...{ sqliteWhere: "is_whole = 1", sqliteOnly: { is_whole: 1 } },
  },
  {
    ...{ name: "image_parts", order: "image_seq, part", rows: 8 },
    sqliteWhere: "image_seq IN (SELECT seq FROM images WHERE is_whole = 1)",
  },
  { name: "image_uses", order: "owner, sha256", rows: 500 },
];

/** The last event of each unfinished job: what it goes on from. */
export const LAST_EVENTS = `SELECT job_id, max(id) AS last FROM events JOIN jobs USING (job_id)
  WHERE ended_at IS NULL GROUP BY job_id ORDER BY job_id`;
