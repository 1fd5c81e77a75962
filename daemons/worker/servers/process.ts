import { sendSignal, startProcess } from "#shared/process.ts";

/** How a server ended. */
export interface EngineEnd {
  /** For people: `it ended with exit code 3`. */
  readonly how: string;
  /** It was ended by SIGKILL, and not by us: perhaps by the kernel, for want of memory. */
  readonly wasKilled: boolean;
}

/** A running server. */
export interface EngineProcess {
  /** Of the group that the server and all its children are in. */
  readonly group: number;
  /** Resolves once the server has ended. */
  readonly ended: Promise<EngineEnd>;
  /** SIGTERM, and SIGKILL after so many milliseconds; resolves when the group has ended. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * Runs a command and ends its whole group when our end of its stdin closes, which the kernel does when
 * we die, however we die. The watcher outlives the command until then, so that children that it leaves
 * behind go too. It is deaf from its first instant, or an early SIGTERM to the group would leave nobody to
 * watch. A shell is what every host has; SIGTERM is trapped, so that it passes the shell by and reaches the
 * command, which gets the default action back.
 */
const GUARD = `
trap '' TERM INT HUP
exec 3<&0
( read -r _ <&3; kill -KILL 0 ) </dev/null &
trap : TERM INT HUP
"$@" </dev/null 3<&- &
command=$!
exec 3<&-
while :; do
  wait "$command"
  code=$?
  kill -0 "$command" 2>/dev/null || break
done
exit "$code"
`;

/** A shell says so of a command that a signal ended. */
const SIGNAL_CODE = 128;
const SIGKILL = 9;

/**
 * Starts a server in a process group of its own, its output where ours goes.
 *
 * @param env Its whole environment.
 * @throws {LlorchError} `WORKER_START_FAILED` when no shell can be started.
 */
export function startEngine(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): EngineProcess {
  const command = { command: "/bin/sh", args: ["-c", GUARD, "llorch-engine", ...words] };
  const { child, pid, exited } = startProcess(command, {
    env,
    stdin: "pipe",
    code: "WORKER_START_FAILED",
    name: words[0]!,
  });
  const ended = exited.then(({ exit_code, signal }) => {
    // What the command left behind in its group goes now.
    child.stdin?.destroy();
    return howItEnded(exit_code, signal);
  });
  return {
    group: pid,
    ended,
    async stop(deadlineMs) {
      sendSignal(-pid, "SIGTERM");
      const timer = setTimeout(() => sendSignal(-pid, "SIGKILL"), deadlineMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function howItEnded(code: number | null, signal: string | null): EngineEnd {
  const number = code !== null && code > SIGNAL_CODE ? code - SIGNAL_CODE : undefined;
  const how = signal !== null
    ? `it was ended by ${signal}`
    : number !== undefined
    ? `it was ended by signal ${number}`
    : code === 127
    ? "its program was not found"
    : code === 126
    ? "its program may not be executed"
    : `it ended with exit code ${code}`;
  return { how, wasKilled: signal === "SIGKILL" || number === SIGKILL };
}
