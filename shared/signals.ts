/** Signals that ask a program to end: Ctrl-C, a stop, a terminal that closes, and Ctrl-\. */
const END_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Those that ask a daemon to stop: at SIGHUP it reads its configuration again. */
export const STOP_SIGNALS: readonly Deno.Signal[] = END_SIGNALS.filter((name) => name !== "SIGHUP");

/**
 * The signals that a program in the foreground ends at. SIGHUP is not among them where it was
 * ignored before we came: after `nohup` a program is to outlive its terminal. What is ignored stays
 * so in our children, so one of them is asked. With a terminal on stdin there was no `nohup`.
 */
export function endSignals(): readonly Deno.Signal[] {
  const keepsOn = Deno.build.os !== "windows" && !Deno.stdin.isTerminal() && survivesHangup();
  return keepsOn ? STOP_SIGNALS : END_SIGNALS;
}

function survivesHangup(): boolean {
  try {
    return new Deno.Command("sh", {
      args: ["-c", "kill -HUP $$"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch {
    return false;
  }
}

/** Calls back at each of some signals; gives what ends that. */
export function onSignals(
  signals: readonly Deno.Signal[],
  listener: (signal: Deno.Signal) => void,
): () => void {
  const removals = signals.map((signal) => {
    const hear = () => listener(signal);
    Deno.addSignalListener(signal, hear);
    return () => Deno.removeSignalListener(signal, hear);
  });
  return () => removals.forEach((remove) => remove());
}
