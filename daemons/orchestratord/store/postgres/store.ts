import type { Store, StoreSize } from "../job_store.ts";
import { Appender } from "./appender.ts";
import { postgresBatches } from "./batches.ts";
import { Database } from "./database.ts";
import { postgresFiles } from "./files.ts";
import { postgresFleet } from "./fleet.ts";
import { postgresImages } from "./images.ts";
import { postgresJobs } from "./jobs.ts";
import { postgresKeys } from "./keys.ts";
import { membersOf } from "./members.ts";
import { migrate } from "./migrate.ts";
import { Pool } from "./pool.ts";
import { Replica, type ReplicaOptions } from "./replica.ts";
import { postgresResponses } from "./responses.ts";
import type { Servers } from "./servers.ts";
import { postgresSessions } from "./sessions.ts";
import { sweep } from "./sweep.ts";
import type { WriteQueueOptions } from "./write_queue.ts";

/** How long a measured size counts, in ms. */
const SIZE_MS = 15_000;

/** A migration may take this long, on a large database or a slow disk, in ms. */
const MIGRATION_MS = 600_000;

const NEW_TIMELINE =
  "Another server of the database has taken over, or it was restored: the newest " +
  "commits may be gone";

/** Options of {@linkcode openPostgresStore}. */
export interface PostgresStoreOptions
  extends
    Pick<WriteQueueOptions<unknown>, "onFailure" | "patienceMs">,
    Partial<Pick<ReplicaOptions, "renewMs" | "ttlMs" | "url" | "now" | "policySha256">> {
  readonly servers: Servers;
  /** Name of this orchestratord, the same at each start. */
  readonly replicaId: string;
  /** Connections for reads and seldom writes; an orchestratord has two more. */
  readonly connections: number;
  /** Least time between two commits of events, in ms. */
  readonly commitEveryMs: number;
  /** Called if others may have taken over the jobs: `begin()` starts anew, without them. */
  readonly onFenced?: (reason: string) => void;
}

/**
 * The {@linkcode Store} in a PostgreSQL database. Before `begin()` it writes no jobs: so a command can use it
 * beside a running orchestratord.
 *
 * @throws {Error} if no server takes writes, or its tables are of a newer program
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { servers, replicaId, connections, commitEveryMs, onFenced = () => {} } = options;
  const { schema } = servers;
  const first = await servers.open("llorch migration", {
    statementMs: MIGRATION_MS,
  });
  try {
    await migrate(first, schema);
  } finally {
    await first.close();
  }

  let reported: string | undefined;
  const onFailure = () => {
    const reason = failure();
    if ((reason === undefined) === (reported === undefined)) return;
    reported = reason;
    options.onFailure?.(reason);
  };
  const replica = new Replica({
    url: () => "",
    policySha256: () => undefined,
    ...options,
    id: replicaId,
    schema,
    open: () => servers.open("llorch lease"),
    onFenced,
  });
  const appender = new Appender({
    ...options,
    everyMs: commitEveryMs,
    // Each statement finds its jobs by their ids. A plan from when the table was small would read all of it.
    open: () => servers.open("llorch events", { settings: ["enable_seqscan=off"] }),
    writer: () => replica.writer,
    onFenced: (writer) => replica.fenced(writer),
    onFailure,
  });
  const pool = new Pool({ size: connections, open: () => servers.open("llorch") });
  const database = new Database({
    ...options,
    pool,
    schema,
    jobsSettled: () => appender.settled(),
    writer: () => replica.writer,
    isReplica: () => replica.hasJoined,
    onFenced: (writer) => replica.fenced(writer),
    onFailure,
  });
  // Memory may hold events that this server lacks. So this start ends, and the next one reads the store.
  servers.onNewTimeline = () => {
    if (replica.writer) replica.fenced(replica.writer, NEW_TIMELINE);
  };
  const failure = () => appender.failure ?? database.failure;

  let size: StoreSize = { bytes: 0, freeBytes: 0, logBytes: 0, canShrink: true };
  let measuredAt = -Infinity;
  const measure = async () => {
    measuredAt = performance.now();
    const { rows: [row] } = await pool.read(
      `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint AS bytes FROM pg_class
        WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)`,
      [schema],
    );
    size = { ...size, bytes: Number(row?.["bytes"]) };
  };
  await measure();

  return {
    batches: postgresBatches(database),
    files: postgresFiles(database),
    images: postgresImages(database),
    keys: postgresKeys(database, appender),
    responses: postgresResponses(database),
    sessions: postgresSessions(database),
    ...postgresFleet(database),
    ...postgresJobs(database, appender),
    begin: () => replica.join(),
    async giveUp(heldSlots) {
      const writer = replica.writer;
      if (writer === undefined) return;
      await appender.settled();
      // First: whoever finds the jobs must find it, too.
      await database.run(
        "UPDATE replicas SET held_slots = $2 WHERE incarnation = $1",
        [writer[1], JSON.stringify([...heldSlots])],
      );
      await database.run(
        "UPDATE jobs SET owner = NULL WHERE owner = $1 AND ended_at IS NULL",
        [writer[1]],
      );
    },
    members: () => membersOf(database),
    clockOffsetMs: () => replica.clockOffsetMs,
    // A commit is on disk when it is confirmed.
    sync: () => Promise.resolve(),
    expire: (now, forgetEndedBefore) => sweep(database, now, forgetEndedBefore),
    size: () => size,
    async tidy() {
      if (performance.now() - measuredAt >= SIZE_MS) await measure();
    },
    failure,
    async close() {
      await Promise.all([appender.close(), database.close()]);
      await replica.leave();
      await pool.close();
    },
  };
}
