import type { Run } from "../../command.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { modelsFlags } from "../../daemons/models_flags.ts";
import { startDaemon, type StartOptions } from "../../daemons/start.ts";

/** `llorch pool-manager start` */
export const run: Run<StartOptions> = (invocation, context) =>
  startDaemon(POOL_MANAGERD, invocation, context, () => modelsFlags(invocation, context));
