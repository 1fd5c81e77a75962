/** Repeated events as one row. */
import type { LiveActivity } from "./activity.ts";

/** Events that say the same, newest first. */
export interface Folded {
  readonly latest: LiveActivity;
  /** Those before it, newest first. */
  readonly earlier: readonly LiveActivity[];
}

/** How many rows further down a repetition may be: a load and its failure take turns. */
const REACH = 6;

/**
 * Folds events that repeat what a row just above says, whatever their jobs, workers and counts are.
 *
 * @param activities Newest first.
 */
export function folded(activities: readonly LiveActivity[]): Folded[] {
  const rows: { readonly key: string; latest: LiveActivity; earlier: LiveActivity[] }[] = [];
  for (const activity of activities) {
    const key = gistOf(activity);
    const row = rows.slice(-REACH).find((each) => each.key === key);
    if (row) row.earlier.push(activity);
    else rows.push({ key, latest: activity, earlier: [] });
  }
  return rows;
}

/** What an event says, without what differs when it comes again. */
function gistOf(
  { kind, pool_id, device, model, reason, message, worker_id, job_id }: LiveActivity,
) {
  let text = reason ?? message;
  for (const id of [worker_id, job_id]) if (id !== undefined) text = text.replaceAll(id, "");
  return [kind, pool_id, device, model, text.replaceAll(/\d+/g, "")].join("\n");
}
