import type { Implementation } from "../../command.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { stopDaemon } from "../../daemons/stop.ts";

/** `llorch orchestrator stop` */
export const run: Implementation["run"] = (invocation, context) =>
  stopDaemon(ORCHESTRATORD, invocation, context);
