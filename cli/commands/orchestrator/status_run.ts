import type { Run } from "../../command.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";
import { showStatus } from "../../daemons/status.ts";

/** `llorch orchestrator status` */
export const run: Run<{ url: string | undefined; json: boolean }> = (invocation, context) =>
  showStatus(ORCHESTRATORD, invocation, context);
