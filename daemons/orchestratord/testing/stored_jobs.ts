import { taskRequest } from "#shared/contracts/mod.ts";
import type { NumberedEvent, Store, StoredCall } from "../store/job_store.ts";

/** The token event of a job that has this id. */
export function token(id: number): NumberedEvent {
  return { id, event: { event: "token", data: { t: `w${id} `, i: id - 2, ids: [id] } } };
}

/** Accepts a job whose prompt is "secret words". */
export function accept(
  store: Store,
  jobId: string,
  { key, tenant = "", createdAt = 1000, call }: {
    key?: string;
    tenant?: string;
    createdAt?: number;
    call?: StoredCall;
  } = {},
): Promise<string> {
  return store.accept({
    jobId,
    idempotencyKey: key,
    bodySha256: "x",
    request: taskRequest.parse({ model: "m", prompt: "secret words" }),
    call,
    fingerprint: "f",
    tenant,
    seed: 1,
    createdAt,
    deadlineAt: undefined,
  }, {
    id: 1,
    event: { event: "queued", data: { job_id: jobId, queue_position: 0, predicted_start_ms: 0 } },
  });
}
