import { type Command, command, type Example } from "../command.ts";
import { type DaemonKind, urlOption } from "../daemons/kind.ts";
import { httpUrl, JSON_OPTION, QUIET_OPTION, text } from "../options.ts";

/** Help texts that differ between the daemons. */
interface DaemonHelp {
  readonly start: readonly Example[];
  readonly stop: Example;
  /** What its status shows: `its pools, workers and queue`. */
  readonly contents: string;
}

/** `llorch orchestrator start|stop|status`, `llorch pool-manager start|stop|status` */
export function daemonCommands(kind: DaemonKind, help: DaemonHelp): Command[] {
  const { executable, group } = kind;
  return [
    command({
      name: "start",
      summary: `Start ${executable} for development, or its service where that is installed`,
      arguments: [{ name: "[flags...]", summary: `Flags of ${executable} itself, after --` }],
      options: {
        config: text("--config <file>", `Its config file (default /etc/llorch/${group}.toml)`, {
          values: "files",
        }),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: help.start,
      load: async () => (await import("../daemons/start.ts")).startDaemon(kind),
    }),
    command({
      name: "stop",
      summary: `Stop what llorch ${group} start has started; succeeds also when nothing runs`,
      options: {
        url: httpUrl("--url <url>", "Which one to stop, when several run"),
        quiet: QUIET_OPTION,
      },
      examples: [help.stop],
      load: async () => (await import("../daemons/stop.ts")).stopDaemon(kind),
    }),
    command({
      name: "status",
      summary: `Show whether ${executable} answers and is ready, and ${help.contents}`,
      options: { url: urlOption(kind), json: JSON_OPTION },
      examples: [{ line: `${group} status`, summary: "Exit code 1 when it does not answer" }],
      load: async () => (await import("../daemons/status.ts")).showStatus(kind),
    }),
  ];
}
