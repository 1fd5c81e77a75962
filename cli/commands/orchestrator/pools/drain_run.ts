import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { POOLS_LIST, untilPool } from "../../../pools/until_pool.ts";

/** Workers that are stopped get this long, in milliseconds. */
const MARGIN_MS = 60_000;

/** `llorch orchestrator pools drain` */
export async function run(
  { args, options }: Invocation<{ deadlineMs: number; quiet: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "pool", POOLS_LIST);
  const deadline_ms = options.deadlineMs;
  const client = await connect(ORCHESTRATORD, options, context);
  await client.call(routes.drainPool, { params: { id }, body: { deadline_ms } });
  const pool = await untilPool(
    client,
    id,
    ({ status }) => status !== "draining",
    { timeoutMs: deadline_ms + MARGIN_MS, waitsFor: "its workers to stop", signal: context.signal },
  );
  if (!options.quiet) {
    const about = pool?.status === "drained"
      ? "Drained"
      : "Cannot be reached now, and gets no work when it comes back:";
    context.stderr.write(
      `${about} ${id}; llorch orchestrator pools undrain ${id} takes it back\n`,
    );
  }
  return EXIT.ok;
}
