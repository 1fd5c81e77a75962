import { signalChild } from "#shared/process.ts";
import { onAbort } from "#shared/aborts.ts";
import type { Executable } from "#shared/executables.ts";
import { followUs } from "#shared/launcher.ts";
import { readLines } from "#shared/lines.ts";
import { type LogLine, readLogLine } from "./log_view.ts";

/** A daemon that `up` has started and owns. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Where it listens. */
  readonly url: string;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Deno.CommandStatus>;
  /** Sends SIGTERM, then SIGKILL after the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

/** How a child is started. */
export interface ChildOptions {
  readonly name: string;
  readonly executable: Executable;
  readonly args: readonly string[];
  /** Longest wait for it to listen, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Stops the start. */
  readonly signal: AbortSignal;
  /** Makes a stop send SIGKILL at once. */
  readonly hurry: AbortSignal;
  /** Called with each line of its log. */
  readonly show: (line: LogLine) => void;
}

/**
 * Starts a daemon and waits until it logs its address.
 *
 * It gets a process group of its own, so that Ctrl-C in a terminal reaches only `up`, which then
 * stops its children in order. If `up` is killed, the daemon stops by itself.
 *
 * @throws {Error} if it ends, or does not listen in time; its process has ended then
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, executable, show } = options;
  const process = new Deno.Command(executable.command, {
    args: [...executable.args, ...options.args],
    env: followUs(),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  const listening = Promise.withResolvers<string>();
  const failure: string[] = [];

  const follow = async (stream: ReadableStream<Uint8Array>, isError: boolean) => {
    for await (const line of readLines(stream)) {
      if (isError) failure.push(line);
      if (failure.length > 20) failure.shift();
      const read = readLogLine(name, line);
      show(read);
      if (read.url !== undefined) listening.resolve(read.url);
    }
  };
  const drained = Promise.all([follow(process.stdout, false), follow(process.stderr, true)]);
  const exited = process.status;
  exited.then(async (status) => {
    await drained;
    const reason = failure.at(-1) ?? `it ended with code ${status.code}`;
    listening.reject(new Error(`Cannot start ${name}: ${reason}`));
  });
  const timer = setTimeout(
    () => listening.reject(new Error(`${name} did not listen in ${options.startTimeoutMs} ms`)),
    options.startTimeoutMs,
  );

  const forget = onAbort(options.signal, () => listening.reject(options.signal.reason));

  const stop = async (deadlineMs: number) => {
    const kill = () => signalChild(process, "SIGKILL");
    signalChild(process, "SIGTERM");
    const killer = setTimeout(kill, deadlineMs);
    const forgetHurry = onAbort(options.hurry, kill);
    await exited;
    clearTimeout(killer);
    forgetHurry();
    await drained;
  };
  try {
    const url = await listening.promise;
    return { name, pid: process.pid, url, exited, stop };
  } catch (error) {
    await stop(1000);
    throw error;
  } finally {
    clearTimeout(timer);
    forget();
  }
}
