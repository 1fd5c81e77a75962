import type { Implementation } from "../../command.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { showStatus } from "../../daemons/status.ts";

/** `llorch pool-manager status` */
export const run: Implementation["run"] = (invocation, context) =>
  showStatus(POOL_MANAGERD, invocation, context);
