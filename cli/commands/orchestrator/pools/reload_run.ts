import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { POOLS_LIST, untilPool } from "../../../pools/until_pool.ts";

/**
 * `llorch orchestrator pools reload`
 *
 * @returns 1 when the new model could not be loaded
 */
export async function run(
  { args, options }: Invocation<
    { deadlineMs: number; quiet: boolean; timeoutMs: number; url: string | undefined }
  >,
  context: Context,
): Promise<number> {
  const id = idWord(args, "pool", POOLS_LIST);
  const from = idWord(args.slice(1), "model goes", "llorch models list");
  const to = idWord(args.slice(2), "model comes", "llorch models list");
  const deadline_ms = options.deadlineMs;
  const timeoutMs = options.timeoutMs;
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
  context.stderr.write(`llorch: Cannot replace "${from}" by "${to}" on ${id}: ${error}\n`);
  return EXIT.failed;
}
