import type { JobView } from "#shared/contracts/job.ts";
import { formatDuration } from "../daemons/duration.ts";

/** What happened to a job, as rows of `when, what, more`; times count from its creation. */
export function timeline(job: JobView): string[][] {
  const from = Date.parse(job.created_at);
  const at = (time: string) => `+${formatDuration(Math.max(0, Date.parse(time) - from))}`;
  const rows = [["+0 ms", "created", job.created_at], ["+0 ms", "queued", waitOf(job)]];
  for (const [index, attempt] of job.attempts.entries()) {
    const { worker_id, pool_id, started_at, ended_at, reason } = attempt;
    const what = `attempt ${index + 1}`;
    rows.push([at(started_at), what, `on ${worker_id} of pool ${pool_id}`]);
    if (ended_at !== undefined && reason !== undefined) {
      rows.push([at(ended_at), what, `given up: ${reason}`]);
    }
  }
  if (job.ended_at !== undefined) rows.push([at(job.ended_at), job.status, endOf(job)]);
  else rows.push(["now", job.status, ""]);
  return rows;
}

/** How long it took until the first attempt. */
function waitOf({ created_at, attempts: [first] }: JobView): string {
  if (first === undefined) return "";
  const waitMs = Math.max(0, Date.parse(first.started_at) - Date.parse(created_at));
  return `for ${formatDuration(waitMs)}`;
}

function endOf({ error, usage }: JobView): string {
  if (error !== undefined) return `${error.code}: ${error.message}`;
  if (usage === undefined) return "";
  const { tokens_in, tokens_cached, tokens_out } = usage;
  return `${tokens_out} tokens out, ${tokens_in} in (${tokens_cached} of them from the cache)`;
}
