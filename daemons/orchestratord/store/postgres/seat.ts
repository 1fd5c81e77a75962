import type { Resignation, Seat, SeatView } from "../seat.ts";
import { lockKey } from "./locks.ts";
import { inTransaction } from "./pool.ts";
import type { Servers } from "./servers.ts";
import type { Session } from "./session.ts";

/** A statement about the seat that takes longer has failed, in ms. */
const STATEMENT_MS = 1_500;

/** Options of {@linkcode PostgresSeat}. */
export interface SeatOptions {
  readonly servers: Servers;
  /** How long a lease lasts, in ms. */
  readonly ttlMs: number;
  /** Number of this start; undefined while it has none, then it takes no seat. */
  readonly incarnation: () => number | undefined;
  /** Where this process's API is, for the others. */
  readonly url: () => string;
}

/**
 * The {@linkcode Seat} in PostgreSQL: a row, and an advisory lock for each term on a session of its own, by
 * which others see at once that the leader has died. A lock of the seat itself, whatever the term, would not
 * do: a new leader could have it while the old one has not noticed yet that it lost its session.
 */
export class PostgresSeat implements Seat {
  readonly #options: SeatOptions;
  onShaken: (() => void) | undefined;
  #session: Session | undefined;
  /** The term whose lock the session holds: each time that it is taken counts. */
  #held: number | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  async look(): Promise<SeatView> {
    const { rows: [row] } = await (await this.#open()).query(
      "SELECT term, incarnation, url, expires_at < clock_timestamp() AS is_over FROM leader",
      [],
      "seat_look",
    );
    return {
      term: Number(row!["term"]),
      incarnation: row!["incarnation"] === null ? undefined : Number(row!["incarnation"]),
      url: row!["url"] === null ? undefined : String(row!["url"]),
      isOver: row!["is_over"] === true,
    };
  }

  async take({ term, isOver }: SeatView): Promise<number | undefined> {
    const { incarnation, url, ttlMs } = this.#options;
    const own = incarnation();
    if (own === undefined) return undefined;
    const session = await this.#open();
    // The leader's session holds the lock of its term.
    if (!isOver && !await this.#lock(session, term)) return undefined;
    try {
      const next = term + 1;
      if (!await this.#lock(session, next)) return undefined;
      try {
        const isTaken = await inTransaction(session, async () => {
          // Read here: the one that led may have given up its jobs since it was seen.
          const { rows: [row] } = await session.query(
            "SELECT incarnation FROM leader WHERE term = $1 FOR UPDATE",
            [term],
          );
          if (!row) return false;
          // Its own must be there, and stay: others remove those that were not renewed for long.
          const { count } = await session.query(
            `UPDATE replicas
                SET expires_at = greatest(expires_at, clock_timestamp() + $2 * interval '1 ms')
              WHERE incarnation = $1`,
            [own, ttlMs],
          );
          if (count === 0) return false;
          await session.query(
            `UPDATE leader SET term = $1, incarnation = $2, url = $3,
                expires_at = clock_timestamp() + $4 * interval '1 ms'`,
            [next, own, url(), ttlMs],
          );
          const last = row["incarnation"];
          // Waits for its open writes; nothing of it is written afterwards. The row stays, so that it is seen
          // to be silent until it joins again.
          if (last !== null && Number(last) !== own) {
            await session.query(
              `UPDATE replicas SET incarnation = nextval('incarnations'),
                  expires_at = clock_timestamp() WHERE incarnation = $1`,
              [last],
            );
          }
          return true;
        });
        if (isTaken) {
          this.#held = next;
          return next;
        }
        await this.#unlock(session, next);
        return undefined;
      } catch (error) {
        await this.#drop();
        throw error;
      }
    } finally {
      if (!isOver && !session.isLost) await this.#unlock(session, term).catch(() => {});
    }
  }

  async renew(term: number): Promise<boolean> {
    const session = await this.#open();
    const { count } = await session.query(
      `UPDATE leader SET expires_at = clock_timestamp() + $3 * interval '1 ms'
        WHERE term = $1 AND incarnation = $2`,
      [term, this.#options.incarnation() ?? null, this.#options.ttlMs],
      "seat_renew",
    );
    if (count !== 1) return false;
    // With a session the lock is lost. Without it, another one could take the seat right after this.
    if (this.#held === term) return true;
    if (!await this.#lock(session, term)) throw new Error("Another one is about to take the seat");
    this.#held = term;
    return true;
  }

  async resign(
    term: number,
    { isReleased = false, seenTerm = term }: Resignation = {},
  ): Promise<void> {
    try {
      await (await this.#open()).query(
        `UPDATE leader SET expires_at = clock_timestamp(), url = NULL,
            incarnation = CASE WHEN $2::boolean THEN NULL ELSE incarnation END,
            term = greatest(term, $3::bigint)
          WHERE term = $1`,
        [term, isReleased, seenTerm],
      );
    } finally {
      await this.#drop();
    }
  }

  /** Ends its session; whoever leads loses the seat with it. */
  close(): Promise<void> {
    return this.#drop();
  }

  /** Whether this session holds the lock of a term; a session may hold it many times over. */
  async #lock(session: Session, term: number): Promise<boolean> {
    const { rows: [row] } = await session.query("SELECT pg_try_advisory_lock($1) AS is_held", [
      lockKey(this.#options.servers.schema, "leader", term),
    ]);
    return row!["is_held"] === true;
  }

  async #unlock(session: Session, term: number): Promise<void> {
    await session.query("SELECT pg_advisory_unlock($1)", [
      lockKey(this.#options.servers.schema, "leader", term),
    ]);
  }

  async #open(): Promise<Session> {
    if (this.#session?.isLost) await this.#drop();
    if (this.#session) return this.#session;
    const session = this.#session = await this.#options.servers.open("llorch seat", {
      statementMs: STATEMENT_MS,
    });
    void session.ended.then(() => {
      if (this.#session === session && this.#held !== undefined) this.onShaken?.();
    });
    return session;
  }

  async #drop(): Promise<void> {
    const session = this.#session;
    this.#session = this.#held = undefined;
    await session?.close();
  }
}
