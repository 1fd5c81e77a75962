import type { PoolView } from "#shared/contracts/job.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { formatDuration } from "#shared/duration.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { formatBytes } from "../../../output/bytes.ts";
import { table } from "#shared/columns.ts";

/** `llorch orchestrator pools list` */
export async function run(
  { options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const { pools } = await client.call(routes.pools, {}, { signal: context.signal });
  if (options.json) context.stdout.write(JSON.stringify({ pools }) + "\n");
  else if (pools.length === 0) context.stderr.write("No pool is known\n");
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
