import { EXIT } from "#shared/defaults.ts";
import { SAME_KEYSTROKE_MS } from "#shared/lifecycle.ts";
import type { Env } from "#shared/paths.ts";
import { endSignals, onSignals } from "#shared/signals.ts";
import type { Output } from "./output/output.ts";
import { standardError, standardOutput } from "./output/process_output.ts";

/** The parts of its process that a command may use. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether a person at a terminal can be asked. */
  readonly isInteractive: boolean;
  readonly env: Env;
  /** The names of all variables of the environment. */
  readonly envNames: () => readonly string[];
  readonly cwd: string;
  /** Aborts on Ctrl-C; pending work stops, and the exit code is 130. */
  readonly signal: AbortSignal;
}

/** This process. */
export function processContext(): Context {
  return {
    isInteractive: Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
    signal: interruptSignal(),
    stdout: standardOutput(),
    stderr: standardError(),
    env: (name) => Deno.env.get(name),
    envNames: () => Object.keys(Deno.env.toObject()),
    cwd: Deno.cwd(),
  };
}

/** Aborts at the first signal. A later one ends the process, unless the same keystroke sent it. */
function interruptSignal(): AbortSignal {
  const interrupted = new AbortController();
  let since: number | undefined;
  onSignals(endSignals(), () => {
    if (since !== undefined && performance.now() - since > SAME_KEYSTROKE_MS) {
      Deno.exit(EXIT.interrupted);
    }
    since ??= performance.now();
    interrupted.abort();
  });
  return interrupted.signal;
}
