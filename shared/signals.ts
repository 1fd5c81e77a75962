import { fstatSync, readSync, statSync } from "node:fs";

/** Signals that ask a program to end: Ctrl-C, a stop, a terminal that closes, and Ctrl-\. */
const END_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Signals that stop a daemon; at SIGHUP it reads its configuration again. */
export const STOP_SIGNALS: readonly Deno.Signal[] = END_SIGNALS.filter((name) => name !== "SIGHUP");

let ignored: boolean | undefined;

/**
 * Whether we were started to outlive our terminal: by `nohup`, or with SIGHUP ignored. Children
 * inherit ignored signals, so a child process tests it. Only the first call does, since Deno no
 * longer ignores SIGHUP once it listens for any signal. If `deno task` runs between `nohup` and us,
 * it does not pass on the ignored signal; then the unreadable stdin that `nohup` sets shows it.
 */
export function ignoresHangup(): boolean {
  return ignored ??= Deno.build.os !== "windows" && (hasStdinOfNohup() || survivesHangup());
}

/** `nohup` replaces a terminal on stdin with the null device, opened only for writing. */
function hasStdinOfNohup(): boolean {
  try {
    if (fstatSync(0).rdev !== statSync("/dev/null").rdev) return false;
  } catch {
    return false;
  }
  try {
    readSync(0, new Uint8Array(1));
    return false;
  } catch {
    return true;
  }
}

/** Signals that end a program in the foreground. SIGHUP stays ignored if it was. */
export function endSignals(): readonly Deno.Signal[] {
  if (!ignoresHangup()) return END_SIGNALS;
  // Once Deno listens for any signal, SIGHUP would end us unless it has a listener.
  Deno.addSignalListener("SIGHUP", ignore);
  return STOP_SIGNALS;
}

function ignore(): void {}

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

/** Calls `listener` at each of some signals; returns a function that stops listening. */
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
