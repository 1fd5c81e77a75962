import type { PoolState } from "#shared/contracts/pool.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { formatDuration } from "#shared/duration.ts";
import type { Client } from "#shared/http/client.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { UnreachableError } from "../../daemons/failure.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { managerOf, serviceCommand } from "../../daemons/service.ts";
import { runStandalone } from "../../daemons/standalone.ts";
import type { WorkerOptions } from "../../daemons/worker_options.ts";
import { workerRequest } from "../../daemons/worker_request.ts";
import { startWorker } from "../../daemons/worker_start.ts";

/**
 * `llorch worker start`
 *
 * @returns the worker's own exit code where there is no pool manager
 */
export async function start(
  { args: [kind = ""], options }: Invocation<WorkerOptions>,
  context: Context,
): Promise<number> {
  const { signal, stdout, stderr } = context;
  const say = (text: string) => options.quiet || stderr.write(text + "\n");
  const request = workerRequest(kind, options);
  const client = await connect(POOL_MANAGERD, options, context);
  const pool = await findPool(client, options.url, signal);
  if (pool === undefined) {
    say(`No pool manager answers at ${client.baseUrl}: this worker runs until Ctrl-C`);
    say(productionNote());
    return await runStandalone(request, context);
  }
  const from = performance.now();
  const worker = await startWorker(client, pool, request, context);
  const { worker_id, uri = "", device, slots, context: tokens } = worker;
  stdout.write(
    options.json
      ? JSON.stringify({ worker_id, uri, device, slots, context: tokens }) + "\n"
      : `${worker_id}  ${uri}\n`,
  );
  const took = formatDuration(performance.now() - from);
  say(`${request.model} is ready on ${device} after ${took}: ${slots} slots of ${tokens} tokens`);
  say(productionNote());
  return EXIT.ok;
}

/** The pool manager's state; undefined when none answers and `--url` was not given. */
async function findPool(
  client: Client,
  url: string | undefined,
  signal: AbortSignal,
): Promise<PoolState | undefined> {
  try {
    return await client.call(poolRoutes.state, {}, { signal });
  } catch (error) {
    const isAbsent = error instanceof UnreachableError && !error.isForeign;
    if (isAbsent && url === undefined) return undefined;
    throw error;
  }
}

function productionNote(): string {
  const manager = managerOf(Deno.build.os);
  return `For development only. In production the pool manager runs the workers, and ${manager} ` +
    `runs the pool manager: ${serviceCommand(POOL_MANAGERD, "enable", manager).join(" ")}`;
}
