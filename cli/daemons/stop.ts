import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Run } from "../command.ts";
import { connect } from "./connect.ts";
import { askHealth, isOf } from "./health.ts";
import type { DaemonKind } from "./kind.ts";
import { sendSignal } from "#shared/process.ts";
import { untilGone } from "./process.ts";
import { findService, serviceCommand } from "./service.ts";
import { type StartedDaemon, startedDaemons } from "./started.ts";

/** Longer than any daemon's own stop by default, in milliseconds. */
const STOP_DEADLINE_MS = 60_000;

/**
 * `llorch orchestrator stop`, `llorch pool-manager stop`: stops what `start` has started, otherwise
 * the installed service.
 *
 * @returns 0 also when none runs, so that the command can be repeated
 * @throws {LlorchError} `CONFLICT` if a daemon runs that `start` has not started
 */
export function stopDaemon(
  kind: DaemonKind,
): Run<{ url: string | undefined; quiet: boolean }> {
  return async ({ options }, context) => {
    const say = (text: string) => options.quiet || context.stderr.write(text + "\n");
    const daemon = choose(kind, await startedDaemons(kind, context.env), options.url);
    if (daemon !== undefined) {
      await end(kind, daemon, context.signal);
      say(`Stopped ${kind.executable} at ${daemon.url} (pid ${daemon.pid})`);
      return EXIT.ok;
    }
    const service = await findService(kind);
    if (service !== undefined) {
      say(
        `${kind.executable} is installed as a service here: ` +
          serviceCommand(kind, "stop", service.manager).join(" "),
      );
      return await service.ask("stop");
    }
    const client = await connect(kind, options, context);
    const url = client.baseUrl;
    if (isOf(await askHealth(client), kind.executable)) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot stop ${kind.executable} at ${url}: llorch ${kind.group} start has not started it; ` +
          "stop it where it was started",
      );
    }
    say(`${kind.executable} is not running`);
    return EXIT.ok;
  };
}

/** @throws {UsageError} when several could be meant. */
function choose(
  kind: DaemonKind,
  daemons: readonly StartedDaemon[],
  url: string | undefined,
): StartedDaemon | undefined {
  if (url !== undefined) return daemons.find((daemon) => daemon.url === url);
  if (daemons.length < 2) return daemons[0];
  const urls = daemons.map((daemon) => daemon.url).join(", ");
  throw new UsageError(
    `${daemons.length} instances of ${kind.executable} run: give the one to stop with --url: ${urls}`,
  );
}

async function end(
  kind: DaemonKind,
  { pid, log }: StartedDaemon,
  signal: AbortSignal,
): Promise<void> {
  sendSignal(pid, "SIGTERM");
  if (await untilGone(pid, kind.executable, STOP_DEADLINE_MS, signal)) return;
  throw new LlorchError(
    "TIMEOUT",
    `${kind.executable} (pid ${pid}) still runs ${
      STOP_DEADLINE_MS / 1000
    } s after it was asked to ` +
      `stop; its log is ${log}`,
  );
}
