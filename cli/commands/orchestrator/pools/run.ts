import { table } from "#shared/columns.ts";
import type { PoolView } from "#shared/contracts/job.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { formatDuration } from "#shared/duration.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { formatBytes } from "../../../output/bytes.ts";
import { POOLS_LIST, untilPool } from "../../../pools/until_pool.ts";

/** Time for workers to stop after the deadline, in milliseconds. */
const MARGIN_MS = 60_000;

/** `llorch orchestrator pools drain` */
export async function drain(
  { args, options }: Invocation<{ deadlineMs: number; quiet: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "pool", POOLS_LIST);
  const { deadlineMs: deadline_ms } = options;
  const client = await connect(ORCHESTRATORD, options, context);
  await client.call(routes.drainPool, { params: { id }, body: { deadline_ms } });
  const pool = await untilPool(
    client,
    id,
    ({ status }) => status !== "draining",
    { timeoutMs: deadline_ms + MARGIN_MS, waitsFor: "its workers to stop", signal: context.signal },
  );
  if (!options.quiet) {
    const done = pool?.status === "drained"
      ? `Drained ${id}`
      : `${id} cannot be reached now, and gets no work when it comes back`;
    context.stderr.write(
      `${done}; llorch orchestrator pools undrain ${id} takes it back into service\n`,
    );
  }
  return EXIT.ok;
}

/** `llorch orchestrator pools list` */
export async function list(
  { options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const { pools } = await client.call(routes.pools, {}, { signal: context.signal });
  if (options.json) context.stdout.write(JSON.stringify({ pools }) + "\n");
  else if (pools.length === 0) context.stderr.write("There are no pools\n");
  else context.stdout.write(render(pools, Date.now(), context.stdout.width));
  return EXIT.ok;
}

function render(pools: readonly PoolView[], now: number, width: number | undefined): string {
  const rows = pools.map((pool) => [
    pool.pool_id,
    pool.status,
    String(pool.workers.length),
    String(pool.models),
    pool.devices.map(({ id, free_bytes, unavailable }) =>
      `${id} ${unavailable === undefined ? formatBytes(free_bytes) : "unavailable"}`
    ).join(", "),
    `${formatDuration(Math.max(0, now - Date.parse(pool.last_seen_at)))} ago`,
    pool.endpoint,
  ]);
  const head = ["POOL", "STATUS", "WORKERS", "MODELS", "FREE", "SEEN", "ENDPOINT"];
  return table(head, rows, { width }).join("\n") + "\n";
}

/** `llorch orchestrator pools logs` */
export async function logs(
  { args, options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const pool_id = idWord(args, "pool", POOLS_LIST);
  const id = idWord(args.slice(1), "worker", "llorch orchestrator events");
  const client = await connect(ORCHESTRATORD, options, context);
  const call = { params: { id }, query: { pool_id } };
  const { lines } = await client.call(routes.workerLog, call, { signal: context.signal });
  if (options.json) context.stdout.write(JSON.stringify({ lines }) + "\n");
  else if (lines.length === 0) context.stderr.write(`${id} has written nothing yet\n`);
  else context.stdout.write(lines.join("\n") + "\n");
  return EXIT.ok;
}

/**
 * `llorch orchestrator pools reload`
 *
 * @returns 1 when the new model could not be loaded
 */
export async function reload(
  { args, options }: Invocation<
    { deadlineMs: number; quiet: boolean; timeoutMs: number; url: string | undefined }
  >,
  context: Context,
): Promise<number> {
  const id = idWord(args, "pool", POOLS_LIST);
  const from = idWord(args.slice(1), "model to replace", "llorch models list");
  const to = idWord(args.slice(2), "new model", "llorch models list");
  const { deadlineMs: deadline_ms, timeoutMs } = options;
  const client = await connect(ORCHESTRATORD, options, context);
  await client.call(routes.reloadPool, { params: { id }, body: { from, to, deadline_ms } });
  const isOver = (stage: string | undefined) => stage !== "loading" && stage !== "retiring";
  const pool = await untilPool(
    client,
    id,
    ({ reload }) => isOver(reload?.stage),
    { timeoutMs, waitsFor: `"${to}" to serve`, signal: context.signal },
  );
  const { stage, error = "the pool has left, or orchestratord was restarted" } = pool?.reload ?? {};
  if (stage === "done") {
    if (!options.quiet) context.stderr.write(`"${to}" serves on ${id} now\n`);
    return EXIT.ok;
  }
  context.stderr.write(`llorch: Cannot replace "${from}" with "${to}" on ${id}: ${error}\n`);
  return EXIT.failed;
}

/** `llorch orchestrator pools undrain` */
export async function undrain(
  { args, options }: Invocation<{ quiet: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "pool", POOLS_LIST);
  const client = await connect(ORCHESTRATORD, options, context);
  await client.call(routes.undrainPool, { params: { id } });
  if (!options.quiet) context.stderr.write(`Pool ${id} is in service\n`);
  return EXIT.ok;
}
