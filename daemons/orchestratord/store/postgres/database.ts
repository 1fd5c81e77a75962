import type { Row } from "../rows/row.ts";
import type { Writer } from "./job_writes.ts";
import { Fenced } from "../fenced.ts";
import { inTransaction, type Pool } from "./pool.ts";
import type { Session } from "./session.ts";
import { WriteQueue, type WriteQueueOptions } from "./write_queue.ts";

/**
 * A write that is no job's, in a transaction.
 *
 * @param isAgain Whether an earlier attempt may have taken effect: its outcome is not known.
 */
export type Operation<T> = (session: Session, isAgain: boolean) => Promise<T>;

/** Options of {@linkcode Database}. */
export interface DatabaseOptions
  extends Pick<WriteQueueOptions<unknown>, "onFailure" | "patienceMs"> {
  readonly pool: Pool;
  readonly schema: string;
  /** Resolves when the writes of jobs that were made before have been tried. */
  readonly jobsSettled: () => Promise<void>;
  /** The replica that this process is; undefined: none, or it may write no more. */
  readonly writer: () => Writer | undefined;
  /** Whether this process is a replica, and not a command beside a running orchestratord. */
  readonly isReplica: () => boolean;
  /** Called when the writer's row was not there. */
  readonly onFenced: (writer: Writer) => void;
}

/**
 * Reads, and all writes but those of jobs: in the order of their calls, each in a transaction on a session of
 * the pool. What a replica writes takes effect only while the row is there that it had when it asked: what
 * waits longer could undo what the next leader has done meanwhile.
 */
export class Database {
  readonly pool: Pool;
  readonly schema: string;
  readonly #queue: WriteQueue<Operation<unknown>>;
  readonly #options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    const { pool, schema } = options;
    this.pool = pool;
    this.schema = schema;
    this.#options = options;
    this.#queue = new WriteQueue({
      ...options,
      everyMs: 0,
      most: 1,
      carryOut: async ([operation = probe], isAgain) => [
        { value: await pool.use((session) => operation(session, isAgain)) },
      ],
    });
  }

  get failure(): string | undefined {
    return this.#queue.failure;
  }

  /** Incarnation of this process; null: none. */
  get incarnation(): number | null {
    return this.#options.writer()?.[1] ?? null;
  }

  /** See {@linkcode WriteQueue.write}. */
  async write<T>(operation: Operation<T>): Promise<T> {
    return await this.#queue.write(this.#guarded(operation)) as T;
  }

  /** See {@linkcode WriteQueue.keep}. */
  async keep<T>(operation: Operation<T>): Promise<T> {
    return await this.#queue.keep(this.#guarded(operation)) as T;
  }

  /** {@linkcode write} of one statement. */
  run(text: string, values: readonly unknown[]): Promise<void> {
    return this.write(async (session) => void await session.query(text, values));
  }

  /** {@linkcode keep} of one statement. */
  keepRunning(text: string, values: readonly unknown[]): Promise<void> {
    return this.keep(async (session) => void await session.query(text, values));
  }

  /** {@linkcode write} of a row that nobody may have stored before. */
  insert(text: string, values: readonly unknown[]): Promise<void> {
    return this.write(async (session, isAgain) => {
      await session.query(isAgain ? `${text} ON CONFLICT DO NOTHING` : text, values);
    });
  }

  /** Rows of a query; it sees the writes that were made before, unless they have failed. */
  async rows(text: string, values?: readonly unknown[], name?: string): Promise<readonly Row[]> {
    await Promise.all([this.#queue.settled(), this.#options.jobsSettled()]);
    return (await this.pool.read(text, values, name)).rows;
  }

  async row(text: string, values?: readonly unknown[], name?: string): Promise<Row | undefined> {
    return (await this.rows(text, values, name))[0];
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  /** @throws {Fenced} if this process is a replica that may write no more */
  #guarded<T>(operation: Operation<T>): Operation<T> {
    const { writer: current, isReplica, onFenced } = this.#options;
    const writer = current();
    if (writer === undefined && isReplica()) throw new Fenced();
    return (session, isAgain) =>
      inTransaction(session, async () => {
        if (writer !== undefined) {
          if (current()?.[1] !== writer[1]) throw new Fenced();
          const { count } = await session.query(OWN_ROW, writer, "own_row");
          if (count === 0) {
            onFenced(writer);
            throw new Fenced();
          }
        }
        return await operation(session, isAgain);
      });
  }
}

/** Locks the row: it cannot be deleted before the transaction ends. */
const OWN_ROW = "SELECT FROM replicas WHERE replica_id = $1 AND incarnation = $2 FOR KEY SHARE";

/** Finds out whether writes work. */
const probe: Operation<unknown> = (session) =>
  session.query("UPDATE schema_version SET version = version");

/** Whether a query for one id finds a row. */
export async function exists(session: Session, sql: string, id: string): Promise<boolean> {
  return (await session.query(sql, [id])).rows.length > 0;
}

/** Numbers the placeholders of a statement: `?` becomes `$1`, `$2` and so on. */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replaceAll("?", () => `$${++n}`);
}

/** `$1, $2 …` for a row with these columns. */
export function places(columns: readonly unknown[]): string {
  return columns.map((_, n) => `$${n + 1}`).join(", ");
}
