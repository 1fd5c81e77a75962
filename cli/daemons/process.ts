import { delay } from "#shared/lifecycle.ts";
import { runProgram } from "#shared/run_program.ts";

/** Interval between checks of a process, in milliseconds. */
const POLL_MS = 25;

/**
 * The command line of a living process; undefined when there is none.
 *
 * On Linux `cat` reads it: Deno itself reads `/proc` only with every permission.
 */
export async function commandLine(pid: number): Promise<string | undefined> {
  const [command, args] = Deno.build.os === "linux"
    ? ["cat", [`/proc/${pid}/cmdline`]]
    : ["ps", ["-ww", "-o", "args=", "-p", String(pid)]];
  const { code, stdout } = await runProgram({ command, args });
  // A process that has ended and was not reaped yet has none.
  const line = stdout.replaceAll("\0", " ").trim();
  return code === 0 && line !== "" ? line : undefined;
}

/**
 * Whether a command line is that of an executable: compiled, portable (deno runs the unpacked code
 * with the permissions of that name), or run from source.
 */
export function runs(line: string, executable: string): boolean {
  return new RegExp(`(^|[\\s/]|\\s-P=)${executable}([\\s/.]|$)`).test(line);
}

/** Whether the process with this id is that executable, and not another that reused its id. */
export async function isRunning(pid: number, executable: string): Promise<boolean> {
  const line = await commandLine(pid);
  return line !== undefined && runs(line, executable);
}

/** Waits until a process is gone; false when it is still there after the deadline. */
export async function untilGone(
  pid: number,
  executable: string,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  while (await isRunning(pid, executable)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS, signal);
  }
  return true;
}
