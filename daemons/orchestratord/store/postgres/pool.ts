import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import { endsSession, kindOf, notReady } from "./failures.ts";
import type { Answer, Session } from "./session.ts";

/** Longest wait for a session that is free, in ms. */
const WAIT_MS = 2_000;

/** A read whose session ends is tried again for this long, in ms. */
const READ_AGAIN_MS = 1_000;

/** Pause before that, in ms. */
const PAUSE_MS = 20;

/** Retry-After when all sessions are busy, in ms. */
const BUSY_RETRY_MS = 2_000;

/** Options of {@linkcode Pool}. */
export interface PoolOptions {
  /** Sessions at most. */
  readonly size: number;
  readonly open: () => Promise<Session>;
  readonly waitMs?: number;
}

/** A bounded number of sessions for statements that belong to no other. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #idle: Session[] = [];
  readonly #waiting: (() => void)[] = [];
  #used = 0;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Reads something. If its session ends meanwhile, as when the server restarts, it is tried again for a
   * while.
   *
   * @throws {LlorchError} `NOT_READY` if the database cannot be read, or every session is busy for long
   */
  async read(text: string, values?: readonly unknown[], name?: string): Promise<Answer> {
    const giveUpAt = performance.now() + READ_AGAIN_MS;
    while (true) {
      try {
        return await this.use((session) => session.query(text, values, name));
      } catch (error) {
        if (error instanceof LlorchError || kindOf(error) === "refused") throw error;
        const isOver = performance.now() > giveUpAt || !endsSession(error);
        if (isOver) throw notReady("The database cannot be read", error);
      }
      await delay(PAUSE_MS);
    }
  }

  /** Uses a session; one whose use has failed for more than the statement's own fault is closed. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#take();
    try {
      const result = await work(session);
      this.#giveBack(session);
      return result;
    } catch (error) {
      if (session.isLost || endsSession(error)) void session.close();
      this.#giveBack(session);
      throw error;
    }
  }

  /** Several statements that take effect together or not at all. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) => inTransaction(session, work));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all(this.#idle.splice(0).map((session) => session.close()));
  }

  async #take(): Promise<Session> {
    if (this.#used < this.#options.size) this.#used++;
    else await this.#turn();
    if (this.#isClosed) {
      this.#free();
      throw new Error("The database is closed");
    }
    while (this.#idle.length > 0) {
      const session = this.#idle.pop()!;
      if (!session.isLost) return session;
    }
    try {
      return await this.#options.open();
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  /** Waits until a session is free. */
  #turn(): Promise<void> {
    const { size, waitMs = WAIT_MS } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wake = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(wake), 1);
      reject(
        new LlorchError(
          "NOT_READY",
          `All ${size} connections to the database are busy: raise store.connections`,
          { retryAfterMs: BUSY_RETRY_MS },
        ),
      );
    }, waitMs);
    this.#waiting.push(wake);
    return promise;
  }

  #giveBack(session: Session): void {
    if (this.#isClosed) void session.close();
    else if (!session.isLost) this.#idle.push(session);
    this.#free();
  }

  /** Gives its place to the first that waits. */
  #free(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#used--;
  }
}

/** Carries out statements in a transaction of a session. */
export async function inTransaction<T>(
  session: Session,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await session.query("BEGIN");
  try {
    const result = await work(session);
    await session.query("COMMIT");
    return result;
  } catch (error) {
    // If that fails, too, the session is not used again, which ends the transaction.
    await session.query("ROLLBACK").catch(() => session.close());
    throw error;
  }
}
