import { daemonMain } from "#shared/daemon.ts";
import { poolConfig, stopDeadlineMs } from "./config.ts";
import { openPoolManager } from "./pool_manager.ts";

/** `pool-managerd`: spawns and watches the workers of one host. */
export function main(args: readonly string[]): Promise<number> {
  return daemonMain({
    program: "pool-managerd",
    summary: "spawns and watches the workers of one host",
    schema: poolConfig,
    defaultFile: "/etc/llorch/pool-manager.toml",
    open: (config, { log }) => openPoolManager(config, { log }),
    stopDeadlineMs,
  }, args);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
