import { EXIT } from "#shared/defaults.ts";
import { SAME_KEYSTROKE_MS } from "#shared/lifecycle.ts";
import type { Env } from "#shared/paths.ts";

/** Signals that interrupt a command. */
const INTERRUPTS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Somewhere to write text. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
}

/** All that a command may touch of the process that runs it. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether a person can be asked something. */
  readonly isInteractive: boolean;
  readonly env: Env;
  readonly cwd: string;
  /** Aborts when the person interrupts; whoever waits ends then, and the exit code is 130. */
  readonly signal: AbortSignal;
}

/** This process. */
export function processContext(): Context {
  return {
    isInteractive: Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
    signal: interruptSignal(),
    stdout: processOutput(Deno.stdout),
    stderr: processOutput(Deno.stderr),
    env: (name) => Deno.env.get(name),
    cwd: Deno.cwd(),
  };
}

/** Aborts at the first signal; a second one, not of the same keystroke, ends the process at once. */
function interruptSignal(): AbortSignal {
  const interrupted = new AbortController();
  let since: number | undefined;
  const interrupt = () => {
    if (since !== undefined && performance.now() - since > SAME_KEYSTROKE_MS) {
      Deno.exit(EXIT.interrupted);
    }
    since ??= performance.now();
    interrupted.abort();
  };
  for (const signal of INTERRUPTS) Deno.addSignalListener(signal, interrupt);
  return interrupted.signal;
}

function processOutput(stream: typeof Deno.stdout | typeof Deno.stderr): Output {
  const encoder = new TextEncoder();
  return {
    isTerminal: stream.isTerminal(),
    write(text) {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
    },
  };
}
