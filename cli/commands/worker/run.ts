import { table } from "#shared/columns.ts";
import type { PoolModel, PoolWorker } from "#shared/contracts/pool.ts";
import { poolRoutes as routes } from "#shared/contracts/pool_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { delay, UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { idWord } from "../../daemons/id_word.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { shortName } from "../../daemons/worker_choice.ts";
import { followLogs, readLogs } from "../../daemons/worker_logs.ts";
import { formatBytes } from "../../output/bytes.ts";

/** Interval between requests for the pool's state, in milliseconds. */
const POLL_MS = 50;

/** For the stop after a drain, which has the pool manager's own deadline, 30 s by default. */
const MARGIN_MS = 60_000;

/** `llorch worker list` */
export async function list(
  { options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const { signal, stdout, stderr } = context;
  const client = await connect(POOL_MANAGERD, options, context);
  const { workers, models } = await client.call(routes.state, {}, { signal });
  // A worker's token is for the orchestrator alone.
  const shown = workers.map(({ token: _token, ...worker }) => worker);
  if (options.json) stdout.write(JSON.stringify({ workers: shown }) + "\n");
  else if (shown.length === 0) {
    stderr.write(`The pool manager at ${client.baseUrl} has no workers\n`);
  } else stdout.write(render(shown, models, stdout.width));
  return EXIT.ok;
}

function render(
  workers: readonly Omit<PoolWorker, "token">[],
  models: readonly PoolModel[],
  width: number | undefined,
): string {
  const names = new Map(models.map((model) => [model.fingerprint, shortName(model)]));
  const rows = workers.map((worker) => [
    worker.worker_id,
    names.get(worker.fingerprint) ?? worker.model_ref,
    worker.device,
    worker.state,
    `${worker.active}/${worker.slots}`,
    String(worker.context),
    formatBytes(worker.memory_bytes),
    String(worker.pid),
    worker.uri ?? "",
  ]);
  const head = ["WORKER", "MODEL", "DEVICE", "STATE", "SLOTS", "CONTEXT", "MEMORY", "PID", "URI"];
  return table(head, rows, { width }).join("\n") + "\n";
}

/**
 * `llorch worker logs`
 *
 * @throws {UsageError} for both `--json` and `--follow`
 */
export async function logs(
  { args, options }: Invocation<{ follow: boolean; json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "worker", "llorch worker list");
  const { signal, stdout, stderr } = context;
  const { follow, json: isJson } = options;
  if (isJson && follow) {
    throw new UsageError("--json and --follow exclude each other: leave out one of them");
  }
  const client = await connect(POOL_MANAGERD, options, context);
  if (!follow) {
    const lines = await readLogs(client, id, signal);
    if (isJson) stdout.write(JSON.stringify({ lines }) + "\n");
    else lines.forEach((line) => stdout.write(line + "\n"));
    return EXIT.ok;
  }
  const exit = await followLogs(client, id, {
    line: (text) => stdout.write(text + "\n"),
    gap: () =>
      stderr.write("Some lines are missing: they were written faster than they could be read\n"),
  }, signal);
  const how = exit === undefined ? "" : `: ${exit.signal ?? `code ${exit.exit_code}`}`;
  stderr.write(`Worker ${id} has ended${how}\n`);
  return EXIT.ok;
}

/** `llorch worker stop` */
export async function stop(
  { args, options }: Invocation<
    { deadlineMs: number; drain: boolean; quiet: boolean; url: string | undefined }
  >,
  context: Context,
): Promise<number> {
  const id = idWord(args, "worker", "llorch worker list");
  const { deadlineMs: deadline_ms } = options;
  const client = await connect(POOL_MANAGERD, options, context);
  const route = options.drain ? routes.drainWorker : routes.stopWorker;
  await client.call(route, { params: { id }, body: { deadline_ms } });
  await untilGone(client, id, deadline_ms + MARGIN_MS, context.signal);
  if (!options.quiet) context.stderr.write(`Stopped worker ${id}\n`);
  return EXIT.ok;
}

async function untilGone(
  client: Client,
  id: string,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    const { workers } = await client.call(routes.state, {}, { signal });
    if (!workers.some(({ worker_id }) => worker_id === id)) return;
    await delay(POLL_MS, signal);
  }
  throw new LlorchError("TIMEOUT", `Worker ${id} still runs; llorch worker logs ${id} may say why`);
}
