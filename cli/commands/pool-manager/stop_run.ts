import type { Run } from "../../command.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { stopDaemon } from "../../daemons/stop.ts";

/** `llorch pool-manager stop` */
export const run: Run<{ url: string | undefined; quiet: boolean }> = (invocation, context) =>
  stopDaemon(POOL_MANAGERD, invocation, context);
