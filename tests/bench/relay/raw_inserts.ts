import { DatabaseSync, type StatementSync } from "node:sqlite";

/** About as much as orchestratord writes for a new job, in bytes. */
const ROW_BYTES = 500;

/** Single inserts into a database of their own, each synced to the disk: the least that a durable job waits for. */
export class RawInserts {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    `);
    this.#insert = this.#db.prepare("INSERT INTO rows (text) VALUES (?)");
  }

  /** Inserts one row; returns how long that took, in ms. */
  time(): number {
    const began = performance.now();
    this.#insert.run("x".repeat(ROW_BYTES));
    return performance.now() - began;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
