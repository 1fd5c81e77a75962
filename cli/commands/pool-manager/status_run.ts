import type { Run } from "../../command.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { showStatus } from "../../daemons/status.ts";

/** `llorch pool-manager status` */
export const run: Run<{ url: string | undefined; json: boolean }> = (invocation, context) =>
  showStatus(POOL_MANAGERD, invocation, context);
