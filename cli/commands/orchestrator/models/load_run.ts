import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { askForModel } from "../../../daemons/model_place.ts";

/** `llorch orchestrator models load` */
export function run(invocation: Invocation, context: Context): Promise<number> {
  return askForModel(routes.loadModel, "Loading", invocation, context);
}
