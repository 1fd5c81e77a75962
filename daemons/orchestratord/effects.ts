import type { Activity, ErrorData } from "#shared/contracts/mod.ts";
import type { Access } from "./access/access.ts";
import type { Feed } from "./feed/feed.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { LiveJob } from "./jobs/live_job.ts";
import type { Pools } from "./pools/pools.ts";
import type { Effect } from "./scheduler/state.ts";

/** Carries out what the scheduler decides. */
export function applyEffect(effect: Effect, jobs: Jobs, pools: Pools): void {
  switch (effect.kind) {
    case "dispatch":
    case "abort":
    case "suspect":
    case "fail":
      return jobs.apply(effect);
    case "spawn": {
      const facts = jobs.waitingFor(effect.spawn.fingerprint)?.facts;
      return facts
        ? facts.inTrace(() => pools.apply(effect, facts.correlationId))
        : pools.apply(effect);
    }
    case "stop_worker":
    case "loaded":
    case "load_failed":
    case "pool_lost":
      return pools.apply(effect);
  }
}

/** Dependencies of {@linkcode reportFailure}. */
interface FailureDeps {
  readonly access: Access;
  readonly feed: Feed;
  readonly jobs: Jobs;
}

/** Reports a failed job on the feed. */
export function reportFailure(job: LiveJob, error: ErrorData, deps: FailureDeps): void {
  if (error.code === "REQUEST_UNSAFE") void reportUnsafe(job, error, deps);
  else deps.feed.add(failedJob(job, error), job.facts.tenant);
}

function failedJob({ id, facts }: LiveJob, { code, message }: ErrorData): Activity {
  const { model } = facts.request;
  const reason = `${code}: ${message}`;
  return { kind: "job_failed", message: `Job ${id} failed: ${reason}`, reason, job_id: id, model };
}

/**
 * Reports an unsafe request together with its API key. If the key has reached its limit of such requests,
 * its waiting jobs are refused, like all further ones.
 */
async function reportUnsafe(job: LiveJob, error: ErrorData, { access, feed, jobs }: FailureDeps) {
  const { id, facts: { tenant, request: { model } } } = job;
  // Without the name if the database cannot be read, which is reported elsewhere.
  const key = await access.noteUnsafe(tenant).catch(() => undefined);
  if (key?.refusal) jobs.refuseWaiting(tenant, key.refusal);
  const whose = key === undefined ? "" : ` of the key "${key.name}" (${tenant})`;
  feed.add({
    kind: "request_unsafe",
    message: `Job ${id}${whose} is unsafe: ${error.message}`,
    reason: error.message,
    job_id: id,
    model,
  }, tenant);
}
