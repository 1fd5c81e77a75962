import type { orchestratorRoutes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../command.ts";
import type { Context } from "../context.ts";
import { connect } from "./connect.ts";
import { ORCHESTRATORD } from "./kind.ts";
import { idWord, textOption } from "./option_values.ts";

type Routes = typeof orchestratorRoutes;
type ModelRoute = Routes["loadModel" | "unloadModel" | "pinModel" | "unpinModel"];

/**
 * Asks the orchestrator for something about a model at a place.
 *
 * @param said What is told once it was taken: `Loading`.
 */
export async function askForModel(
  route: ModelRoute,
  said: string,
  { args, options }: Invocation,
  context: Context,
): Promise<number> {
  const ref = idWord(args, "model", "llorch models list");
  const client = await connect(ORCHESTRATORD, options, context);
  const pool_id = textOption(options, "pool");
  const device = textOption(options, "device");
  const reply = await client.call(route, { params: { ref }, body: { pool_id, device } });
  const waits = "waits" in reply && reply.waits !== undefined ? `: it waits, ${reply.waits}` : "";
  if (options["quiet"] !== true) context.stderr.write(`${said} ${ref}${waits}\n`);
  return EXIT.ok;
}
