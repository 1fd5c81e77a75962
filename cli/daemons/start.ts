import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation, Run } from "../command.ts";
import type { Context } from "../context.ts";
import type { DaemonKind } from "./kind.ts";
import { findService, managerOf, serviceCommand } from "./service.ts";
import { spawnDaemon } from "./spawn.ts";

/** Options of the commands that start a daemon. */
export interface StartOptions {
  /** Its config file. */
  readonly config: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * `llorch orchestrator start`, `llorch pool-manager start`: starts the service where one is
 * installed, otherwise the daemon for development.
 *
 * @returns the daemon's own exit code when it does not start
 */
export function startDaemon(kind: DaemonKind): Run<StartOptions> {
  return async (invocation, context) => {
    const { args, options: { config, json, quiet } } = invocation;
    const flags = [...(config === undefined ? [] : [`--config=${config}`]), ...args];
    const service = await findService(kind);
    if (service !== undefined) {
      const command = serviceCommand(kind, "start", service.manager).join(" ");
      refuseFlags(kind, flags, command);
      if (!quiet) {
        context.stderr.write(`${kind.executable} is installed as a service here: ${command}\n`);
      }
      return await service.ask("start");
    }

    const started = await spawnDaemon(kind, [
      ...await ownFlags(kind, invocation, context),
      ...flags,
    ], context);
    if ("code" in started) {
      const lines = started.lines.length > 0
        ? started.lines
        : [`llorch: ${kind.executable} ended with code ${started.code} before it listened`];
      context.stderr.write(lines.join("\n") + "\n");
      return started.code;
    }
    const { pid, url, log } = started;
    context.stdout.write(
      json ? JSON.stringify({ pid, url, log }) + "\n" : `pid  ${pid}\nurl  ${url}\nlog  ${log}\n`,
    );
    if (!quiet) context.stderr.write(productionNote(kind));
    return EXIT.ok;
  };
}

/** Default flags for development; explicit flags override them. */
async function ownFlags(
  { executable }: DaemonKind,
  invocation: Invocation<StartOptions>,
  context: Context,
): Promise<readonly string[]> {
  if (executable !== "pool-managerd") return [];
  const { modelsFlags } = await import("./models_flags.ts");
  return await modelsFlags(invocation, context);
}

/** Refuses flags, which a service does not take: it has its own configuration. */
function refuseFlags(kind: DaemonKind, flags: readonly string[], command: string): void {
  if (flags.length === 0) return;
  throw new UsageError(
    `${kind.executable} is installed as a service here, which does not take ${flags.join(" ")}; ` +
      `put it in the service's own config file and run ${command}, or run ${kind.executable} itself`,
  );
}

/** Note for a person who has started a daemon by hand. */
function productionNote(kind: DaemonKind): string {
  const manager = managerOf(Deno.build.os);
  return `It runs until llorch ${kind.group} stop. For development only. In production ${manager} ` +
    `runs it: ${serviceCommand(kind, "enable", manager).join(" ")}\n`;
}
