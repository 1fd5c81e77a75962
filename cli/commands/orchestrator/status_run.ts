import type { Implementation } from "../../command.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { showStatus } from "../../daemons/status.ts";

/** `llorch orchestrator status` */
export const run: Implementation["run"] = (invocation, context) =>
  showStatus(ORCHESTRATORD, invocation, context);
