import { deadline } from "#shared/deadline.ts";
import { ENV, EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { findExecutable } from "#shared/executables.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Env } from "#shared/paths.ts";
import { sendSignal, startProcess } from "#shared/process.ts";
import {
  createLog,
  findListening,
  listLogs,
  plainLines,
  pruneLogs,
  readHead,
} from "./daemon_log.ts";
import type { DaemonKind } from "./kind.ts";
import { type StartedDaemon, startedDaemons } from "./started.ts";

/** Longest wait for a daemon to listen, in milliseconds. */
const START_DEADLINE_MS = 60_000;

/** Time to stop for a daemon that did not start properly, in milliseconds. */
const STOP_DEADLINE_MS = 10_000;

/** Interval between reads of the log, in milliseconds. */
const POLL_MS = 25;

/** A daemon that ended before it listened. */
export interface FailedStart {
  readonly code: number;
  /** Its log lines for people. */
  readonly lines: readonly string[];
}

/**
 * Starts a daemon and waits until it listens. It has a session of its own, so that it outlives this
 * process and Ctrl-C in our terminal does not reach it.
 *
 * @throws {LlorchError} when it cannot be started or does not listen in time. It is stopped then,
 * as it is when the signal aborts.
 */
export async function spawnDaemon(
  kind: DaemonKind,
  args: readonly string[],
  { env, signal, deadlineMs = START_DEADLINE_MS }: {
    readonly env: Env;
    readonly signal: AbortSignal;
    readonly deadlineMs?: number;
  },
): Promise<StartedDaemon | FailedStart> {
  const running = await startedDaemons(kind, env);
  await pruneLogs(await listLogs(kind, env), new Set(running.map(({ log }) => log)));
  const { command, args: first } = findExecutable(kind.executable);
  const log = await createLog(kind, env);
  // Without the launcher's variable: the daemon must not end with a process that started us.
  const { [ENV.launcher]: _, ...inherited } = Deno.env.toObject();
  const started = startProcess({ command, args: [...first, ...args] }, {
    env: inherited,
    stdin: "ignore",
    output: log,
    code: "INTERNAL",
  });
  const { child, pid, exited } = started;
  try {
    const giveUpAt = performance.now() + deadlineMs;
    while (true) {
      const ended = started.hasExited;
      const text = await readHead(log);
      const listening = findListening(text);
      if (ended) {
        const { exit_code } = await exited;
        return { code: exit_code || EXIT.failed, lines: plainLines(text) };
      }
      if (listening !== undefined) {
        child.unref();
        return { ...listening, log };
      }
      if (performance.now() > giveUpAt) {
        throw new LlorchError(
          "TIMEOUT",
          `${kind.executable} did not listen within ${deadlineMs / 1000} s; its log is ${log}`,
        );
      }
      await delay(POLL_MS, signal);
    }
  } catch (error) {
    sendSignal(pid, "SIGTERM");
    await deadline(exited, STOP_DEADLINE_MS);
    if (!started.hasExited) sendSignal(pid, "SIGKILL");
    throw error;
  }
}
