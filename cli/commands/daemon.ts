import { type Command, command, type Example } from "../command.ts";
import { type DaemonKind, urlOption } from "../daemons/kind.ts";
import { httpUrl, JSON_OPTION, QUIET_OPTION, text } from "../options.ts";

/** What the help says of one daemon alone. */
interface DaemonHelp {
  readonly start: readonly Example[];
  readonly stop: Example;
  /** What is in it: `its pools, workers and queue`. */
  readonly contents: string;
}

/** `llorch orchestrator start|stop|status`, `llorch pool-manager start|stop|status` */
export function daemonCommands(kind: DaemonKind, help: DaemonHelp): Command[] {
  const { executable, group } = kind;
  return [
    command({
      name: "start",
      summary: `Start ${executable} for development; where its service is installed, start that`,
      arguments: [{ name: "[flags...]", summary: `Behind --: flags of ${executable} itself` }],
      options: {
        config: text("--config <file>", `Its config file; else /etc/llorch/${group}.toml`, {
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
      summary: `Stop what llorch ${group} start has started; all is well when nothing runs`,
      options: {
        url: httpUrl("--url <url>", "Which, when several were started"),
        quiet: QUIET_OPTION,
      },
      examples: [help.stop],
      load: async () => (await import("../daemons/stop.ts")).stopDaemon(kind),
    }),
    command({
      name: "status",
      summary: `Show whether ${executable} answers and is ready, ${help.contents}`,
      options: { url: urlOption(kind), json: JSON_OPTION },
      examples: [{ line: `${group} status`, summary: "Ends with 1 when it does not answer" }],
      load: async () => (await import("../daemons/status.ts")).showStatus(kind),
    }),
  ];
}
