import { runInForeground, runProgram } from "#shared/run_program.ts";
import type { DaemonKind } from "./kind.ts";

/** The service manager that runs the daemons in production. */
export type Manager = "systemd" | "launchd";

/** Timeout of a command of the service manager, in milliseconds. */
const ASK_TIMEOUT_MS = 5_000;

/** What to ask a service manager for. */
export type Verb = "enable" | "start" | "stop" | "find" | "state";

/** The service manager of this system. */
export function managerOf(os: typeof Deno.build.os): Manager {
  return os === "darwin" ? "launchd" : "systemd";
}

/** The command line by which a service manager is asked. */
export function serviceCommand(kind: DaemonKind, verb: Verb, manager: Manager): string[] {
  const { executable: unit, launchdLabel: label } = kind;
  if (manager === "systemd") {
    switch (verb) {
      case "enable":
        return ["systemctl", "enable", "--now", unit];
      case "find":
        return ["systemctl", "cat", unit];
      case "state":
        return ["systemctl", "is-active", unit];
      default:
        return ["systemctl", verb, unit];
    }
  }
  switch (verb) {
    case "enable":
      return ["launchctl", "bootstrap", "system", `/Library/LaunchDaemons/${label}.plist`];
    case "find":
    case "state":
      return ["launchctl", "list", label];
    default:
      return ["launchctl", verb, label];
  }
}

/** The unit of a daemon that is installed on this machine. */
export interface InstalledService {
  readonly manager: Manager;
  /** Starts or stops it; the service manager has our terminal. @returns its exit code */
  ask(verb: "start" | "stop"): Promise<number>;
  /** As the service manager reports it: `active`, `inactive`, … */
  state(): Promise<string>;
}

/** The unit of a daemon; undefined when none is installed. */
export async function findService(
  kind: DaemonKind,
  manager: Manager = managerOf(Deno.build.os),
): Promise<InstalledService | undefined> {
  if (!(await ask(serviceCommand(kind, "find", manager))).success) return undefined;
  return {
    manager,
    ask(verb) {
      const [command = "", ...args] = serviceCommand(kind, verb, manager);
      return runInForeground({ command, args });
    },
    async state() {
      const { success, stdout } = await ask(serviceCommand(kind, "state", manager));
      if (manager === "systemd") return stdout || "unknown";
      return success && /"PID" = \d+/.test(stdout) ? "active" : "inactive";
    },
  };
}

async function ask(
  [command = "", ...args]: readonly string[],
): Promise<{ success: boolean; stdout: string }> {
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    const { code, stdout } = await runProgram({ command, args }, { signal });
    return { success: code === 0, stdout: stdout.trim() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { success: false, stdout: "" };
    throw error;
  }
}
