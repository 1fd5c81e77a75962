import { systemClock } from "#shared/clock.ts";
import { daemonMain } from "#shared/daemon.ts";
import { checkFiles, checkServers, describeServers } from "./check_files.ts";
import { configSpec, stopDeadlineMs } from "./config.ts";
import { openPoolManager } from "./pool_manager.ts";
import { reapOrphans } from "./supervisor/orphans.ts";

/** `pool-managerd`: spawns and watches the workers of one host. */
export function main(args: readonly string[]): Promise<number> {
  return daemonMain({
    ...configSpec,
    checkFiles,
    describe: (config) => Promise.resolve(describeServers(config)),
    open(config, { log }) {
      // The other engines can still be used.
      for (const { key, message } of checkServers(config)) {
        log.warn("engine_not_usable", { key: key.join("."), reason: message });
      }
      return openPoolManager(config, { log });
    },
    asInit: (log) => reapOrphans(systemClock, log),
    stopDeadlineMs,
  }, args);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
