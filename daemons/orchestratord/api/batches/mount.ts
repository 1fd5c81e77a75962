import { type BatchObject, batchRoutes as routes } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { BatchRow, ListedBatch } from "../../store/batch_store.ts";
import { ownFile } from "../files/own_file.ts";
import { checkTotals } from "../files/upload.ts";
import { boundTo, mayTouch } from "../own_jobs.ts";
import type { BatchRunner } from "./runner.ts";

/** The only completion window, in ms. */
const WINDOW_MS = 24 * 3_600_000;

/** `/v1/batches…` */
export function mountBatches(app: App, orchestrator: Orchestrator, runner: BatchRunner): void {
  const { clock, config, store } = orchestrator;

  const ownBatch = async (id: string, caller: Caller | undefined): Promise<ListedBatch> => {
    const batch = await store.batches.get(id);
    if (batch && mayTouch(caller, batch.tenant)) return batch;
    throw new LlorchError("NOT_FOUND", `Cannot find batch "${id.slice(0, 100)}"`);
  };

  app.mount(routes.createBatch, async ({ body, caller, log }) => {
    const tenant = caller?.keyId ?? "";
    const file = await ownFile(orchestrator, body.input_file_id, caller);
    if (file.purpose !== "batch") {
      const message = 'names no file of the purpose "batch"';
      throw invalidRequest([{ field: "input_file_id", message }]);
    }
    checkTotals(await store.files.totals(tenant), config.files);
    const { max_open } = config.batches;
    if (await store.batches.countUnfinished(tenant) >= max_open) {
      throw new LlorchError(
        "RATE_LIMITED",
        `This API key may have at most ${max_open} unfinished batches`,
        { details: { limit: "batches.max_open", value: max_open }, retryAfterMs: 60_000 },
      );
    }
    const now = clock.now();
    const isEmpty = file.lines === 0;
    const batch: BatchRow = {
      id: `batch_${crypto.randomUUID().replaceAll("-", "")}`,
      tenant,
      endpoint: body.endpoint,
      inputFileId: file.id,
      status: isEmpty ? "failed" : "validating",
      metadata: body.metadata ?? undefined,
      outputMs: body.output_expires_after && body.output_expires_after.seconds * 1000 || undefined,
      createdAt: now,
      expiresAt: now + WINDOW_MS,
      inProgressAt: undefined,
      finalizingAt: undefined,
      cancellingAt: undefined,
      endedAt: isEmpty ? now : undefined,
      total: file.lines,
      completed: 0,
      failed: 0,
      outputFileId: undefined,
      errorFileId: undefined,
      error: isEmpty
        ? { code: "empty_file", message: "The input file is empty: it has no requests" }
        : undefined,
    };
    await store.batches.add(batch);
    await store.files.touch(file.id, now);
    await store.sync();
    log.info("batch_created", { batch_id: batch.id, endpoint: batch.endpoint, lines: batch.total });
    if (!isEmpty) runner.start(batch);
    return batchView(batch);
  });

  app.mount(routes.listBatches, async ({ query: { limit, after }, caller }) => {
    const last = after === undefined ? undefined : await ownBatch(after, caller);
    const batches = await store.batches.page({
      tenant: boundTo(caller),
      before: last?.seq,
      limit: limit + 1,
    });
    const data = batches.slice(0, limit).map(batchView);
    return {
      object: "list" as const,
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: batches.length > limit,
    };
  });

  app.mount(routes.cancelBatch, async ({ params, caller }) => {
    const batch = await ownBatch(params.id, caller);
    const { status } = batch;
    if (status === "cancelling" || status === "cancelled") return batchView(batch);
    if (batch.endedAt !== undefined || !await runner.cancel(batch)) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot cancel batch "${batch.id}": it is ${
          batch.endedAt === undefined ? "finalizing" : status
        }`,
      );
    }
    return batchView(await ownBatch(batch.id, caller));
  });

  app.mount(
    routes.getBatch,
    async ({ params, caller }) => batchView(await ownBatch(params.id, caller)),
  );
}

/** A batch as clients see it. */
function batchView(batch: BatchRow): BatchObject {
  const { status, endedAt, error, total, completed, failed } = batch;
  const seconds = (ms: number | undefined) => ms === undefined ? null : Math.floor(ms / 1000);
  const endedAs = (end: BatchRow["status"]) => seconds(status === end ? endedAt : undefined);
  return {
    id: batch.id,
    object: "batch",
    endpoint: batch.endpoint,
    errors: error ? { object: "list", data: [{ ...error, param: null, line: null }] } : null,
    input_file_id: batch.inputFileId,
    completion_window: "24h",
    status,
    output_file_id: batch.outputFileId ?? null,
    error_file_id: batch.errorFileId ?? null,
    created_at: Math.floor(batch.createdAt / 1000),
    in_progress_at: seconds(batch.inProgressAt),
    expires_at: seconds(batch.expiresAt),
    finalizing_at: seconds(batch.finalizingAt),
    completed_at: endedAs("completed"),
    failed_at: endedAs("failed"),
    expired_at: endedAs("expired"),
    cancelling_at: seconds(batch.cancellingAt),
    cancelled_at: endedAs("cancelled"),
    request_counts: { total, completed, failed },
    metadata: batch.metadata ? { ...batch.metadata } : null,
  };
}
