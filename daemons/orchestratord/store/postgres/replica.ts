import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import type { Row } from "../rows/row.ts";
import type { Writer } from "./job_writes.ts";
import { lockKey } from "./locks.ts";
import { inTransaction } from "./pool.ts";
import type { Session } from "./session.ts";

/** How often the row is renewed, in ms. */
const RENEW_MS = 1_000;

/** A row that was not renewed for this long counts as that of a dead process, in ms. */
const TTL_MS = 10_000;

/** Version of what replicas say to each other. */
const PROTOCOL = 1;

/** The database's clock, in ms since the epoch. */
const CLOCK = "extract(epoch FROM clock_timestamp()) * 1000 AS clock";

const GONE = "Its row in the database is gone: its jobs may be continued by another one";

/** Options of {@linkcode Replica}. */
export interface ReplicaOptions {
  /** Name of this orchestratord, the same at each start. */
  readonly id: string;
  readonly schema: string;
  /** Opens the session that holds its lock. */
  readonly open: () => Promise<Session>;
  /** Where the others reach it. */
  readonly url: () => string;
  /** Hash of the settings by which it would decide; undefined: it does not say. */
  readonly policySha256: () => string | undefined;
  readonly renewMs?: number;
  /** This machine's clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number;
  readonly ttlMs?: number;
  /** Called once if it may write no more, such as because its row is gone. */
  readonly onFenced: (reason: string) => void;
}

/**
 * The row of this process among the orchestrators of a database. It holds an advisory lock on a session of
 * its own for as long as it lives, by which others see at once when it has died.
 *
 * The lease of a leader belongs on the same session: it is lost with it.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  #session: Session | undefined;
  #incarnation: number | undefined;
  #hasJoined = false;
  #clockOffsetMs = 0;
  #stop = new AbortController();
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Whether it has ever joined. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  /** Undefined before it has joined, and once it is fenced. */
  get writer(): Writer | undefined {
    return this.#incarnation === undefined ? undefined : [this.#options.id, this.#incarnation];
  }

  /** What the database's clock is ahead of this machine's, in ms. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  /**
   * Takes a number that no other start has had or will have, and a row of that number.
   *
   * @throws {LlorchError} `CONFLICT` if another process with this id lives
   */
  async join(): Promise<number> {
    // It may be opening a session.
    this.#stop.abort();
    await this.#renewing;
    await this.#end();
    const { id, url, policySha256 } = this.#options;
    const session = await this.#options.open();
    this.#session = session;
    const incarnation = await inTransaction(session, async () => {
      await this.#removeDead(session, id);
      const askedAt = this.#now();
      const { rows: [next] } = await session.query(
        `SELECT nextval('incarnations') AS incarnation, ${CLOCK}`,
      );
      const incarnation = Number(next!["incarnation"]);
      this.#compare(askedAt, next!);
      await this.#lock(session, incarnation);
      await session.query(
        `INSERT INTO replicas
            (replica_id, incarnation, url, version, protocol, policy_sha256, expires_at)
          VALUES ($1, $2, $3, $4, ${PROTOCOL}, $5, clock_timestamp() + $6 * interval '1 ms')`,
        [id, incarnation, url(), VERSION, policySha256() ?? null, this.#ttlMs],
      );
      return incarnation;
    });
    this.#incarnation = incarnation;
    this.#hasJoined = true;
    this.#stop = new AbortController();
    this.#renewing = this.#keepRenewing([id, incarnation], this.#stop.signal);
    return incarnation;
  }

  /**
   * Ends its start, after a write that did not find the row, or for another reason: what it knows of jobs
   * no longer counts.
   */
  fenced(writer: Writer, reason = GONE): void {
    if (this.#incarnation !== writer[1]) return;
    this.#incarnation = undefined;
    this.#stop.abort();
    this.#options.onFenced(reason);
  }

  /** Gives up its jobs and its row; best effort: without it, its row expires. */
  async leave(): Promise<void> {
    const [id, incarnation] = this.writer ?? [];
    this.#stop.abort();
    await this.#renewing;
    this.#incarnation = undefined;
    try {
      if (incarnation !== undefined && this.#session) {
        await inTransaction(this.#session, async (session) => {
          await session.query(
            "UPDATE jobs SET owner = NULL WHERE owner = $1 AND ended_at IS NULL",
            [incarnation],
          );
          await session.query("DELETE FROM replicas WHERE replica_id = $1 AND incarnation = $2", [
            id,
            incarnation,
          ]);
        });
      }
    } catch {
      // It expires.
    }
    await this.#end();
  }

  get #ttlMs(): number {
    return this.#options.ttlMs ?? TTL_MS;
  }

  /** Removes the rows of an earlier process of this name, and those that were not renewed for long. */
  async #removeDead(session: Session, own: string): Promise<void> {
    const { rows } = await session.query(
      "SELECT replica_id, incarnation, expires_at < clock_timestamp() AS is_over FROM replicas",
    );
    for (const row of rows) {
      const key = lockKey(this.#options.schema, "replica", Number(row["incarnation"]));
      // Of the transaction: it is free again after it.
      const { rows: [lock] } = await session.query(
        "SELECT pg_try_advisory_xact_lock($1) AS is_free",
        [
          key,
        ],
      );
      const isOwn = row["replica_id"] === own;
      // A free lock alone says nothing of others: after a crash of the server, all of them are free.
      if (row["is_over"] || isOwn && lock!["is_free"]) {
        // Waits for its open writes; nothing of it is written afterwards.
        await session.query("DELETE FROM replicas WHERE incarnation = $1", [row["incarnation"]]);
      } else if (isOwn) {
        throw new LlorchError(
          "CONFLICT",
          `Another orchestratord named "${own}" uses this database: end it, or give each a name of its own`,
        );
      }
    }
  }

  async #lock(session: Session, incarnation: number): Promise<void> {
    await session.query("SELECT pg_advisory_lock($1)", [
      lockKey(this.#options.schema, "replica", incarnation),
    ]);
  }

  async #keepRenewing(writer: Writer, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await delay(this.#options.renewMs ?? RENEW_MS, stop).catch(() => {});
      if (stop.aborted) return;
      try {
        if (await this.#renew(writer)) continue;
        this.fenced(writer);
      } catch {
        // The session is opened again at the next turn. Until the row has expired, it is still there.
        await this.#end();
      }
    }
  }

  /** Whether the row was there. */
  async #renew([id, incarnation]: Writer): Promise<boolean> {
    if (!this.#session || this.#session.isLost) {
      this.#session = await this.#options.open();
      await this.#lock(this.#session, incarnation);
    }
    const askedAt = this.#now();
    const { rows: [row] } = await this.#session.query(
      `UPDATE replicas
          SET expires_at = clock_timestamp() + $3 * interval '1 ms', policy_sha256 = $4
        WHERE replica_id = $1 AND incarnation = $2 RETURNING ${CLOCK}`,
      [id, incarnation, this.#ttlMs, this.#options.policySha256() ?? null],
    );
    if (row) this.#compare(askedAt, row);
    return row !== undefined;
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  /** Compares the clocks, as exactly as the time of an answer allows. */
  #compare(askedAt: number, { clock }: Row): void {
    const halfMs = (this.#now() - askedAt) / 2;
    const offsetMs = Math.round(Number(clock) - askedAt - halfMs);
    // Without a reason it stays as it is, so that times do not jump to and fro.
    if (Math.abs(offsetMs - this.#clockOffsetMs) > halfMs + 1) this.#clockOffsetMs = offsetMs;
  }

  async #end(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}
