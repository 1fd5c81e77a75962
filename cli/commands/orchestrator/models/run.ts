import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Run } from "../../../command.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";

interface Place {
  readonly pool: string | undefined;
  readonly device: string | undefined;
  readonly url: string | undefined;
  readonly quiet: boolean;
}

/** `llorch orchestrator models load` */
export const load = asking(routes.loadModel, "Loading");

/** `llorch orchestrator models unload` */
export const unload = asking(routes.unloadModel, "Unloading");

/** `llorch orchestrator models pin` */
export const pin = asking(routes.pinModel, "Pinned");

/** `llorch orchestrator models unpin` */
export const unpin = asking(routes.unpinModel, "Unpinned");

type ModelRoute = (typeof routes)["loadModel" | "unloadModel" | "pinModel" | "unpinModel"];

/**
 * Makes a command that calls a route for a model at a place.
 *
 * @param done First word of the message after success.
 */
function asking(route: ModelRoute, done: string): Run<Place> {
  return async ({ args, options: { pool, device, url, quiet } }, context) => {
    const ref = idWord(args, "model", "llorch models list");
    const client = await connect(ORCHESTRATORD, { url }, context);
    const reply = await client.call(route, { params: { ref }, body: { pool_id: pool, device } });
    const waits = "waits" in reply && reply.waits !== undefined
      ? `: it is waiting, ${reply.waits}`
      : "";
    if (!quiet) context.stderr.write(`${done} ${ref}${waits}\n`);
    return EXIT.ok;
  };
}
