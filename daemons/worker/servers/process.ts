import { sendSignal, startProcess } from "#shared/process.ts";

/** How a server ended. */
export interface EngineEnd {
  /** For messages, e.g. `it ended with exit code 3`. */
  readonly how: string;
  /** Whether SIGKILL ended it: perhaps by the kernel, because memory ran out. */
  readonly wasKilled: boolean;
}

/** A running server. */
export interface EngineProcess {
  /** Id of the process group of the server and all its children. */
  readonly group: number;
  /** Resolves once the server has ended. */
  readonly ended: Promise<EngineEnd>;
  /** Sends SIGTERM, and SIGKILL after `deadlineMs`; resolves when the group has ended. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * A shell script that runs a command, and kills its whole process group when our end of its stdin
 * closes, which the kernel does when we end, however we end. The watcher outlives the command until
 * then, so that remaining children are killed, too. The watcher ignores signals from its first
 * instant, so that an early SIGTERM to the group cannot end it. The shell traps SIGTERM and goes
 * on, while the command has the default action for it.
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

/** A shell's exit code for a command that a signal ended is this plus the signal's number. */
const SIGNAL_CODE = 128;
const SIGKILL = 9;

/**
 * Starts a server in a process group of its own, with our stdout and stderr.
 *
 * @param env The server's whole environment.
 * @throws {LlorchError} `WORKER_START_FAILED` if no shell can be started
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
    // Ends the remaining processes of its group.
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
