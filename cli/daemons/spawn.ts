import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { ENV, EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { findExecutable } from "#shared/executables.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Env } from "#shared/paths.ts";
import {
  createLog,
  findListening,
  listLogs,
  plainLines,
  pruneLogs,
  readHead,
} from "./daemon_log.ts";
import type { DaemonKind } from "./kind.ts";
import { sendSignal } from "./process.ts";
import { type StartedDaemon, startedDaemons } from "./started.ts";

/** Longest wait for a daemon to listen, in milliseconds. */
const START_DEADLINE_MS = 60_000;

/** A daemon that is given up gets this long to stop, in milliseconds. */
const STOP_DEADLINE_MS = 10_000;

/** Time between two looks into the log, in milliseconds. */
const LOOK_MS = 25;

/** A daemon that ended before it listened. */
export interface FailedStart {
  readonly code: number;
  /** What it said. */
  readonly lines: readonly string[];
}

/**
 * Starts a daemon in a session of its own, so that it outlives us and no Ctrl-C in our terminal
 * reaches it, and waits until it says that it listens.
 *
 * @throws {LlorchError} when it cannot be started or does not listen in time; it is gone then, as it
 * is when the signal aborts.
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
  const child = start(command, [...first, ...args], log);
  const exit = Promise.withResolvers<number>();
  let hasExited = false;
  child.once("exit", (code) => {
    hasExited = true;
    exit.resolve(code ?? EXIT.failed);
  });
  try {
    const deadline = performance.now() + deadlineMs;
    while (true) {
      const ended = hasExited;
      const text = await readHead(log);
      const listening = findListening(text);
      if (ended) return { code: await exit.promise || EXIT.failed, lines: plainLines(text) };
      if (listening !== undefined) {
        child.unref();
        return { ...listening, log };
      }
      if (performance.now() > deadline) {
        throw new LlorchError(
          "TIMEOUT",
          `${kind.executable} did not listen within ${deadlineMs / 1000} s; its log is ${log}`,
        );
      }
      await delay(LOOK_MS, signal);
    }
  } catch (error) {
    sendSignal(child.pid!, "SIGTERM");
    await Promise.race([exit.promise, delay(STOP_DEADLINE_MS)]);
    if (!hasExited) sendSignal(child.pid!, "SIGKILL");
    throw error;
  }
}

function start(command: string, args: readonly string[], log: string): ChildProcess {
  const failed = (reason: string, cause?: unknown) =>
    new LlorchError("INTERNAL", `Cannot start ${command}: ${reason}`, { cause });
  const output = openSync(log, "a");
  try {
    // It outlives us, and follows none that started us.
    const { [ENV.launcher]: _, ...env } = Deno.env.toObject();
    const stdio: StdioOptions = ["ignore", output, output];
    const child = spawn(command, [...args], { detached: true, env, stdio });
    // A program that cannot be executed is told here, later, and by a missing pid, at once.
    child.on("error", () => {});
    if (child.pid === undefined) throw failed("it is missing or may not be executed");
    return child;
  } catch (error) {
    throw error instanceof LlorchError ? error : failed(errorMessage(error), error);
  } finally {
    closeSync(output);
  }
}
