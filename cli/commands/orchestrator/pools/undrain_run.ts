import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { POOLS_LIST } from "../../../pools/until_pool.ts";

/** `llorch orchestrator pools undrain` */
export async function run(
  { args, options }: Invocation<{ quiet: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "pool", POOLS_LIST);
  const client = await connect(ORCHESTRATORD, options, context);
  await client.call(routes.undrainPool, { params: { id } });
  if (!options.quiet) context.stderr.write(`Pool ${id} is in service\n`);
  return EXIT.ok;
}
