import { fstatSync, readSync, statSync } from "node:fs";

/** Signals that ask a program to end: Ctrl-C, a stop, a terminal that closes, and Ctrl-\. */
const END_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Those that ask a daemon to stop: at SIGHUP it reads its configuration again. */
export const STOP_SIGNALS: readonly Deno.Signal[] = END_SIGNALS.filter((name) => name !== "SIGHUP");

let ignored: boolean | undefined;

/**
 * Whether we were started to outlive our terminal: by `nohup`, or with SIGHUP ignored. What is ignored is
 * inherited, so a child of ours is asked; only the first call asks, since Deno no longer ignores SIGHUP
 * once it listens for any signal. `deno task` between `nohup` and us listens, and hands nothing on; but
 * the stdin that `nohup` gives is there, which cannot be read.
 */
export function ignoresHangup(): boolean {
  return ignored ??= Deno.build.os !== "windows" && (hasStdinOfNohup() || survivesHangup());
}

/** `nohup` opens the null device for writing in place of a terminal. */
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

/** The signals that a program in the foreground ends at. SIGHUP stays ignored where it was. */
export function endSignals(): readonly Deno.Signal[] {
  if (!ignoresHangup()) return END_SIGNALS;
  // With a listener for another signal Deno takes SIGHUP as well, which would end us.
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
