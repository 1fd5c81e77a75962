import type { Charge } from "../key_store.ts";
import { Fenced } from "../fenced.ts";
import { endsSession, kindOf } from "./failures.ts";
import {
  acceptStatement,
  appendStatement,
  chargeStatement,
  HOLDERS,
  type JobWrite,
  OWNERS,
  removeStatement,
  type Statement,
  takeAll,
  type Writer,
} from "./job_writes.ts";
import type { Row } from "../rows/row.ts";
import type { Session } from "./session.ts";
import { type Outcome, WriteQueue, type WriteQueueOptions } from "./write_queue.ts";

/** Writes of one statement at most. */
const MOST = 1_000;

type Of<Kind extends JobWrite["kind"]> = Extract<JobWrite, { kind: Kind }>;

/** A write, and who asked for it: once another start has begun, it must not be that one's. */
interface Asked {
  readonly write: JobWrite;
  readonly writer: Writer;
}

/** Options of {@linkcode Appender}. */
export interface AppenderOptions
  extends Pick<WriteQueueOptions<Asked>, "everyMs" | "onFailure" | "patienceMs"> {
  readonly open: () => Promise<Session>;
  /** The replica that writes; undefined before it has joined, and once it is fenced. */
  readonly writer: () => Writer | undefined;
  /** Called when the writer's row was not there. */
  readonly onFenced: (writer: Writer) => void;
}

/**
 * Writes jobs and their events, on a connection of its own. What came while one batch was written is the
 * next, in at most one statement for new jobs, one for events and one for removals: a commit costs about the
 * same for one row as for a hundred. Each statement takes effect only while the replica's row is there.
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #queue: WriteQueue<Asked>;
  #session: Session | undefined;
  #charges = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#queue = new WriteQueue({
      ...options,
      most: MOST,
      carryOut: (asked, isAgain) => this.#carryOut(asked, isAgain),
    });
  }

  get failure(): string | undefined {
    return this.#queue.failure;
  }

  /** See {@linkcode WriteQueue.settled}. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  async accept(write: Omit<Of<"accept">, "kind">): Promise<string> {
    return String(await this.#queue.write(this.#asked({ kind: "accept", ...write })));
  }

  async append(jobId: string, take: Of<"append">["take"]): Promise<void> {
    await this.#queue.keep(this.#asked({ kind: "append", jobId, take }));
  }

  async remove(jobId: string): Promise<void> {
    await this.#queue.keep(this.#asked({ kind: "remove", jobId }));
  }

  async charge(charge: Charge): Promise<void> {
    await this.#queue.keep(this.#asked({ kind: "charge", charge, number: ++this.#charges }));
  }

  /** Writes what waits, and closes the connection. */
  async close(): Promise<void> {
    await this.#queue.close();
    await this.#session?.close();
  }

  /** @throws {Fenced} if this process may write no jobs now */
  #asked(write: JobWrite): Asked {
    const writer = this.#options.writer();
    if (writer === undefined) throw new Fenced();
    return { write, writer };
  }

  async #carryOut(asked: readonly Asked[], isAgain: boolean): Promise<readonly Outcome[]> {
    const session = await this.#open();
    // Only now: a new session may have shown that the server lacks the newest commits.
    const writer = this.#options.writer();
    if (writer === undefined) throw new Fenced();
    const writes = asked.flatMap((each) => each.writer[1] === writer[1] ? [each.write] : []);
    try {
      if (writes.length === 0) await session.query("UPDATE schema_version SET version = version");
      const outcomes = new Map<JobWrite, Outcome>();
      const of = <Kind extends JobWrite["kind"]>(kind: Kind) =>
        writes.filter((write): write is Of<Kind> => write.kind === kind);
      const [accepts, appends, removes] = [of("accept"), of("append"), of("remove")];
      const charges = of("charge");
      if (accepts.length > 0) await this.#accept(session, writer, accepts, outcomes);
      if (appends.length > 0) await this.#append(session, writer, appends, isAgain, outcomes);
      if (removes.length > 0) {
        await this.#run(
          session,
          writer,
          removeStatement(writer, removes.map((each) => each.jobId)),
        );
      }
      if (charges.length > 0) await this.#run(session, writer, chargeStatement(writer, charges));
      return asked.map(({ write, writer: [, start] }) =>
        start === writer[1] ? outcomes.get(write) ?? { value: undefined } : { error: new Fenced() }
      );
    } catch (error) {
      if (endsSession(error)) await this.#drop();
      throw error;
    }
  }

  async #accept(
    session: Session,
    writer: Writer,
    accepts: readonly Of<"accept">[],
    outcomes: Map<JobWrite, Outcome>,
  ): Promise<void> {
    const { stored } = await this.#run(session, writer, acceptStatement(writer, accepts));
    const isStored = new Set(stored as string[]);
    const others = accepts.filter(({ job }) => !isStored.has(job.jobId));
    for (const write of accepts) outcomes.set(write, { value: write.job.jobId });
    if (others.length === 0) return;
    // Stored by an earlier attempt, or their key belongs to another job.
    const { rows } = await session.query(HOLDERS, [
      others.map(({ job }) => job.jobId),
      others.map(({ job }) => job.idempotencyKey ?? null),
    ]);
    const ids = new Set(rows.map((row) => row["job_id"]));
    const holders = new Map(rows.map((row) => [row["idempotency_key"], String(row["job_id"])]));
    for (const write of others) {
      const { jobId, idempotencyKey } = write.job;
      if (ids.has(jobId)) continue;
      const holder = idempotencyKey === undefined ? undefined : holders.get(idempotencyKey);
      // The job that had the key has been removed meanwhile.
      if (holder === undefined) await this.#accept(session, writer, [write], outcomes);
      else outcomes.set(write, { value: holder });
    }
  }

  async #append(
    session: Session,
    writer: Writer,
    appends: readonly Of<"append">[],
    isAgain: boolean,
    outcomes: Map<JobWrite, Outcome>,
  ): Promise<void> {
    const additions = takeAll(appends);
    const append = (mayBeStored: boolean) =>
      this.#run(session, writer, appendStatement(writer, additions, mayBeStored));
    let written: unknown;
    try {
      ({ written } = await append(isAgain));
    } catch (error) {
      // An event that is stored already, or a job that was removed meanwhile.
      if (kindOf(error) !== "refused" || isAgain) throw error;
      ({ written } = await append(true));
    }
    if (written === additions.events.length) return;
    const jobIds = [...new Set(additions.events.map(([jobId]) => jobId))];
    const { rows } = await session.query(OWNERS, [jobIds]);
    const owners = new Map(rows.map((row) => [row["job_id"], Number(row["owner"])]));
    const added = new Set(jobIds);
    for (const write of appends) {
      const owner = owners.get(write.jobId);
      if (owner === writer[1] || !added.has(write.jobId)) continue;
      const error = owner === undefined
        ? new Error(`The job "${write.jobId}" is gone`)
        : new Fenced(`Another orchestrator has the job "${write.jobId}"`);
      outcomes.set(write, { error });
    }
  }

  async #run(session: Session, writer: Writer, { name, text, values }: Statement): Promise<Row> {
    const { rows: [row] } = await session.query(text, values, name);
    if (row!["held"] === 1) return row!;
    this.#options.onFenced(writer);
    throw new Fenced();
  }

  async #open(): Promise<Session> {
    if (this.#session?.isLost) await this.#drop();
    return this.#session ??= await this.#options.open();
  }

  async #drop(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}
