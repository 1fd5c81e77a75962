import type { Context } from "../context.ts";
import type { Output } from "../output/output.ts";

/** A context that records its output. */
export interface FakeContext extends Context {
  /** Everything written to standard output so far. */
  readonly out: () => string;
  /** Everything written to standard error so far. */
  readonly err: () => string;
}

/** Options of {@linkcode fakeContext}. */
export interface FakeContextOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** @default false */
  readonly isTerminal?: boolean;
  readonly width?: number;
  readonly signal?: AbortSignal;
}

/** A context for a test, which does not touch the process. */
export function fakeContext(options: FakeContextOptions = {}): FakeContext {
  const { env = {}, cwd = "/src", isTerminal = false } = options;
  const [stdout, out] = recorder(isTerminal, options.width);
  const [stderr, err] = recorder(isTerminal, options.width);
  const signal = options.signal ?? new AbortController().signal;
  const isInteractive = isTerminal;
  return {
    ...{ stdout, stderr, out, err, cwd, signal, isInteractive },
    env: (name) => env[name],
    envNames: () => Object.keys(env),
  };
}

function recorder(isTerminal: boolean, width: number | undefined): [Output, () => string] {
  let written = "";
  const write = (text: string) => {
    written += text;
  };
  return [{ write, draw: write, isTerminal, width }, () => written];
}
