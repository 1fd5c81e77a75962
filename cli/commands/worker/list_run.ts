import type { PoolModel, PoolWorker } from "#shared/contracts/pool.ts";
import { poolRoutes as routes } from "#shared/contracts/pool_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { shortName } from "../../daemons/worker_choice.ts";
import { formatBytes } from "../../output/bytes.ts";
import { table } from "#shared/columns.ts";

/** `llorch worker list` */
export async function run(
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
