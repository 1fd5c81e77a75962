/**
 * The statements that write jobs, made of what the store was asked to write: no effects.
 *
 * @module
 */
import type { Addition, JobPatch, NewJobRow, NumberedEvent } from "../job_store.ts";
import type { Charge } from "../key_store.ts";
import { ERASED, NEW_JOB_COLUMNS, newJobValues, PATCH_COLUMNS } from "../rows/job.ts";
import { asValue } from "../rows/row.ts";

/** A write to jobs, or to what a key is charged for them. */
export type JobWrite =
  | { readonly kind: "accept"; readonly job: NewJobRow; readonly queued: NumberedEvent }
  | { readonly kind: "append"; readonly jobId: string; readonly take: () => Addition }
  | { readonly kind: "remove"; readonly jobId: string }
  | { readonly kind: "charge"; readonly charge: Charge; readonly number: number };

/** A statement with its values, which is prepared once under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The replica that writes: its id and its incarnation, the first two values of every statement. */
export type Writer = readonly [replicaId: string, incarnation: number];

/**
 * Holds the row of the writer until the statement is committed. Whoever removes it waits for that, and finds
 * all that was written; a later write finds no row, and writes nothing.
 */
const FENCE = "f AS MATERIALIZED " +
  "(SELECT 1 FROM replicas WHERE replica_id = $1 AND incarnation = $2 FOR KEY SHARE)";

/** Whether the writer's row was there. */
const HELD = "(SELECT count(*) FROM f)::int AS held";

/** Types of columns that are not `text`. */
const TYPES: Readonly<Record<string, string>> = {
  ...{ detached: "int", seed: "bigint", created_at: "bigint", deadline_at: "bigint" },
  ...{ started_at: "bigint", first_token_at: "bigint", ended_at: "bigint" },
  content_expires_at: "bigint",
};

/** `unnest($FROM::text[], …)` with one array for each column. */
function unnest(columns: readonly string[], from: number): string {
  const arrays = columns.map((name, n) => `$${from + n}::${TYPES[name] ?? "text"}[]`);
  return `unnest(${arrays.join(", ")})`;
}

/** Rows as columns: an array for each. */
function columnsOf(rows: readonly (readonly unknown[])[], width: number): unknown[][] {
  return Array.from({ length: width }, (_, n) => rows.map((row) => row[n]));
}

const JOBS = NEW_JOB_COLUMNS.join(", ");

const ACCEPT = `WITH ${FENCE},
  j AS (INSERT INTO jobs (${JOBS}, status, owner)
    SELECT ${JOBS}, 'queued', $2
    FROM ${unnest(NEW_JOB_COLUMNS, 3)} WITH ORDINALITY AS x (${JOBS}, n)
    WHERE EXISTS (SELECT FROM f) ORDER BY n
    ON CONFLICT DO NOTHING RETURNING job_id),
  e AS (INSERT INTO events (job_id, id, event, data)
    SELECT job_id, id, event, data
    FROM unnest($16::text[], $17::int[], $18::text[], $19::text[]) AS x (job_id, id, event, data)
      JOIN j USING (job_id))
SELECT ${HELD}, coalesce((SELECT array_agg(job_id) FROM j), '{}') AS stored`;

/** Stores new jobs; returns the ids of those whose id and key nobody had. */
export function acceptStatement(
  writer: Writer,
  accepts: readonly Extract<JobWrite, { kind: "accept" }>[],
): Statement {
  const jobs = columnsOf(accepts.map(({ job }) => newJobValues(job)), NEW_JOB_COLUMNS.length);
  const events = accepts.map(({ job, queued }) => eventValues(job.jobId, queued));
  return {
    name: "accept",
    text: ACCEPT,
    values: [...writer, ...jobs, ...columnsOf(events, 4)],
  };
}

/** Of jobs that were not stored: which job has their id, or their key. */
export const HOLDERS = `
  SELECT job_id, idempotency_key FROM jobs WHERE job_id = ANY($1) OR idempotency_key = ANY($2)`;

const PATCHED = Object.values(PATCH_COLUMNS);

const CONTENT = PATCH_COLUMNS.contentExpiresAt;

const ASSIGNMENTS = PATCHED.map((name) => {
  const changed = `coalesce(x.${name}, j.${name})`;
  // Erased content stays erased, whatever its job still does.
  if (name !== CONTENT) return `${name} = ${changed}`;
  return `${name} = CASE WHEN j.${name} = ${ERASED} THEN ${ERASED} ELSE ${changed} END`;
}).join(", ");

/** Events of only this writer's jobs; patches also of jobs that have ended, whoever wrote them. */
const append = (onConflict: string) => {
  const patches = 7 + 1 + PATCHED.length;
  return `WITH ${FENCE},
  e AS (INSERT INTO events (job_id, id, event, data)
    SELECT x.job_id, x.id, x.event, x.data
    FROM unnest($3::text[], $4::int[], $5::text[], $6::text[]) AS x (job_id, id, event, data)
      JOIN jobs j ON j.job_id = x.job_id AND j.owner = $2
    WHERE EXISTS (SELECT FROM f) ${onConflict} RETURNING job_id, event),
  p AS (UPDATE jobs j SET ${ASSIGNMENTS}
    FROM ${unnest(["job_id", ...PATCHED], 7)} AS x (job_id, ${PATCHED.join(", ")})
    WHERE j.job_id = x.job_id AND (j.owner = $2 OR j.ended_at IS NOT NULL) AND EXISTS (SELECT FROM f)),
  k AS (INSERT INTO key_tokens (key_id, day, tokens)
    SELECT x.key_id, x.day, sum(x.tokens)
    FROM unnest($${patches}::text[], $${patches + 1}::text[], $${patches + 2}::int[],
        $${patches + 3}::bigint[]) AS x (job_id, key_id, day, tokens)
      JOIN e ON e.job_id = x.job_id AND e.event IN ('end', 'error')
      JOIN api_keys USING (key_id)
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (key_id, day) DO UPDATE SET tokens = key_tokens.tokens + excluded.tokens)
SELECT ${HELD}, (SELECT count(*) FROM e)::int AS written`;
};

const APPEND = append("");

/** Without this clause it is a little faster, and what was stored before makes it fail. */
const APPEND_AGAIN = append("ON CONFLICT DO NOTHING");

/** What several appends add, each to its job. */
export interface Additions {
  readonly events: readonly (readonly unknown[])[];
  readonly patches: ReadonlyMap<string, JobPatch>;
  readonly charges: readonly (readonly unknown[])[];
}

/** Takes what is to be appended. Patches of one job become one: a statement changes a row once. */
export function takeAll(appends: readonly Extract<JobWrite, { kind: "append" }>[]): Additions {
  const events: unknown[][] = [];
  const patches = new Map<string, JobPatch>();
  const charges: unknown[][] = [];
  for (const { jobId, take } of appends) {
    const { events: added, patch, charge } = take();
    for (const event of added) events.push(eventValues(jobId, event));
    if (patch && Object.keys(patch).length > 0) {
      patches.set(jobId, { ...patches.get(jobId), ...patch });
    }
    if (charge) charges.push([jobId, charge.keyId, charge.day, charge.tokens]);
  }
  return { events, patches, charges };
}

/** @param mayBeStored Whether some of the events may be stored already. */
export function appendStatement(
  writer: Writer,
  { events, patches, charges }: Additions,
  mayBeStored: boolean,
): Statement {
  const changed = [...patches].map(([jobId, patch]) => [
    jobId,
    ...Object.keys(PATCH_COLUMNS).map((name) => {
      const value = patch[name as keyof JobPatch];
      return value === undefined ? null : asValue(value);
    }),
  ]);
  return {
    ...(mayBeStored
      ? { name: "append_again", text: APPEND_AGAIN }
      : { name: "append", text: APPEND }),
    values: [
      ...writer,
      ...columnsOf(events, 4),
      ...columnsOf(changed, PATCHED.length + 1),
      ...columnsOf(charges, 4),
    ],
  };
}

/** Which jobs a writer may append to. */
export const OWNERS = "SELECT job_id, owner FROM jobs WHERE job_id = ANY($1)";

/** Removes jobs with their events. */
export function removeStatement(writer: Writer, jobIds: readonly string[]): Statement {
  const text = `WITH ${FENCE}, d AS
    (DELETE FROM jobs WHERE job_id = ANY($3) AND owner = $2 AND EXISTS (SELECT FROM f)) SELECT ${HELD}`;
  return { name: "remove", text, values: [...writer, jobIds] };
}

const CHARGE = `WITH f AS MATERIALIZED
    (SELECT charges FROM replicas WHERE replica_id = $1 AND incarnation = $2 FOR NO KEY UPDATE),
  k AS (INSERT INTO key_tokens (key_id, day, tokens)
    SELECT key_id, day, sum(x.tokens)
    FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[]) AS x (key_id, day, tokens, n)
      JOIN f ON x.n > f.charges JOIN api_keys USING (key_id)
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (key_id, day) DO UPDATE SET tokens = key_tokens.tokens + excluded.tokens),
  u AS (UPDATE replicas SET charges = $7 WHERE replica_id = $1 AND incarnation = $2 AND charges < $7)
SELECT ${HELD}`;

/** Counts the tokens of jobs that are not stored. The row of the writer keeps the number of the last. */
export function chargeStatement(
  writer: Writer,
  charges: readonly Extract<JobWrite, { kind: "charge" }>[],
): Statement {
  const rows = charges.map(({ charge: { keyId, day, tokens }, number }) => [
    ...[keyId, day, tokens],
    number,
  ]);
  const last = Math.max(...charges.map(({ number }) => number));
  return { name: "charge", text: CHARGE, values: [...writer, ...columnsOf(rows, 4), last] };
}

function eventValues(jobId: string, { id, event }: NumberedEvent): unknown[] {
  return [jobId, id, event.event, JSON.stringify(event.data)];
}
