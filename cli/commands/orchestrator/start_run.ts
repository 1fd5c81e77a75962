import type { Implementation } from "../../command.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { startDaemon } from "../../daemons/start.ts";

/** `llorch orchestrator start` */
export const run: Implementation["run"] = (invocation, context) =>
  startDaemon(ORCHESTRATORD, invocation, context);
