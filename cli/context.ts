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
  readonly env: Env;
  readonly cwd: string;
}

/** This process. */
export function processContext(): Context {
  return {
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
