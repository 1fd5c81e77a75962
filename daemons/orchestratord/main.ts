import { daemonMain } from "#shared/daemon.ts";
import { runCommand } from "./commands/mod.ts";
import { configSpec } from "./config.ts";
import { Orchestratord } from "./daemon.ts";
import { checkStore, describeStore } from "./open_store.ts";

if (import.meta.main) {
  Deno.exit(
    await daemonMain({
      ...configSpec,
      runCommand,
      checkFiles: checkStore,
      describe: describeStore,
      open: (config, { log }) => Orchestratord.open(config, { log }),
      reload: (daemon, config) => daemon.reload(config),
      stopDeadlineMs: ({ store, cluster, stop_deadline_ms: ms }) =>
        store.url === undefined ? ms : Math.max(ms, cluster.leave_ms),
    }, Deno.args),
  );
}
