import type { JobView } from "../contracts/job.ts";
import { formatDuration } from "../duration.ts";

/** Something that happened to a job; `at` is in ms since the epoch. */
interface Step {
  readonly at: number;
  readonly what: string;
  readonly more: string;
}

/**
 * What happened to a job, as rows of `when, what, more`, with times since its creation. Used by the
 * command line and the console.
 */
export function timeline(job: JobView): string[][] {
  const from = Date.parse(job.created_at);
  const steps: Step[] = [
    { at: from, what: "created", more: job.created_at },
    { at: from, what: "queued", more: waitOf(job) },
    ...attemptsOf(job),
  ].sort((a, b) => a.at - b.at);
  const rows = steps.map(({ at, what, more }) => [
    `+${formatDuration(Math.max(0, at - from))}`,
    what,
    more,
  ]);
  if (job.ended_at === undefined) return [...rows, ["now", job.status, ""]];
  const tookMs = Math.max(0, Date.parse(job.ended_at) - from);
  return [...rows, [`+${formatDuration(tookMs)}`, job.status, endOf(job)]];
}

function attemptsOf({ attempts, first_token_at }: JobView): Step[] {
  const steps = attempts.flatMap((attempt, index) => {
    const { worker_id, pool_id, started_at, ended_at, reason, suspect } = attempt;
    const what = `attempt ${index + 1}`;
    const began = { at: Date.parse(started_at), what, more: `on ${worker_id} of pool ${pool_id}` };
    if (ended_at === undefined || reason === undefined) return [began];
    const why = suspect ? `${reason} (this job is the likeliest cause)` : reason;
    return [began, { at: Date.parse(ended_at), what, more: `given up: ${why}` }];
  });
  if (first_token_at === undefined) return steps;
  return [...steps, { at: Date.parse(first_token_at), what: "first token", more: "" }];
}

/** How long it took until the first attempt. */
function waitOf({ created_at, attempts: [first] }: JobView): string {
  if (first === undefined) return "";
  const waitMs = Math.max(0, Date.parse(first.started_at) - Date.parse(created_at));
  return `for ${formatDuration(waitMs)}`;
}

function endOf({ error, usage, stop_reason, validated }: JobView): string {
  if (error !== undefined) return `${error.code}: ${error.message}`;
  if (usage === undefined) return "";
  const { tokens_in, tokens_cached, tokens_out, reasoning_tokens } = usage;
  const why = stop_reason === undefined ? "" : `${stop_reason}: `;
  const thinking = reasoning_tokens ? ` (${reasoning_tokens} of them thinking)` : "";
  const invalid = validated === false ? "; the answer does not satisfy its schema" : "";
  return `${why}${tokens_out} tokens out${thinking}, ` +
    `${tokens_in} in (${tokens_cached} of them from the cache)${invalid}`;
}
