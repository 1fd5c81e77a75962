import type { Env } from "#shared/paths.ts";

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
  const interrupted = new AbortController();
  Deno.addSignalListener("SIGINT", () => interrupted.abort());
  return {
    isInteractive: Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
    signal: interrupted.signal,
    stdout: processOutput(Deno.stdout),
    stderr: processOutput(Deno.stderr),
    env: (name) => Deno.env.get(name),
    cwd: Deno.cwd(),
  };
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
