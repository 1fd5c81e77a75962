import type { Run } from "../../command.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { stopDaemon } from "../../daemons/stop.ts";

/** `llorch orchestrator stop` */
export const run: Run<{ url: string | undefined; quiet: boolean }> = (invocation, context) =>
  stopDaemon(ORCHESTRATORD, invocation, context);
