import { endSignals, onSignals } from "#shared/signals.ts";

/**
 * Runs a program in the foreground, on our terminal and with our input and output. A signal that
 * reaches only us is passed on, so that no process is left behind.
 *
 * @param env Added to our own environment.
 * @returns its exit code; 128 and the signal's number when a signal ended it
 * @throws {Deno.errors.NotFound} when there is no such program
 */
export async function attach(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<number> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd,
    env,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const stopPassing = onSignals(endSignals(), (signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has already ended.
    }
  });
  try {
    return (await child.status).code;
  } finally {
    stopPassing();
  }
}
