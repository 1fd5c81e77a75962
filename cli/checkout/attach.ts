/** Signals that end us, and that the child must hear of first. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program in the foreground: it has our terminal, its output is ours as it comes, and a
 * signal that reaches us alone is passed on, so that nothing is left behind.
 *
 * @returns its exit code; 128 and the signal's number when a signal ended it
 * @throws {Deno.errors.NotFound} when there is no such program
 */
export async function attach(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<number> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const listeners = SIGNALS.map((signal) => {
    const pass = () => {
      try {
        child.kill(signal);
      } catch {
        // It has ended: so do we.
      }
    };
    Deno.addSignalListener(signal, pass);
    return () => Deno.removeSignalListener(signal, pass);
  });
  try {
    return (await child.status).code;
  } finally {
    for (const remove of listeners) remove();
  }
}
