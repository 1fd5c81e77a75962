import type { Run } from "../../command.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { startDaemon, type StartOptions } from "../../daemons/start.ts";

/** `llorch orchestrator start` */
export const run: Run<StartOptions> = (invocation, context) =>
  startDaemon(ORCHESTRATORD, invocation, context);
