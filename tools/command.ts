import { endSignals, onSignals } from "#shared/signals.ts";

import { descendants, type ProcessId, terminate } from "./process_tree.ts";

/** What a finished command left. */
export interface Outcome {
  readonly code: number;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** How {@linkcode runDeno} runs. */
export interface RunOptions {
  /** Takes the output as it comes. */
  readonly onOutput?: (bytes: Uint8Array, stream: "stdout" | "stderr") => void;
  readonly env?: Record<string, string>;
  /** Whether nothing of our own environment is handed on but `env`. */
  readonly clearEnv?: boolean;
  /** Interrupts the command. */
  readonly signal?: AbortSignal;
}

/** After an interrupt, a command gets this long to end, in milliseconds. */
const END_TIMEOUT_MS = 10_000;

/**
 * Runs the deno that runs us. A signal that ends us is handed on first, so that no child is left
 * behind, nor what it has started; `deno test` then names the tests that were running.
 */
export async function runDeno(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.env ? { env: options.env } : {}),
    clearEnv: options.clearEnv ?? false,
  }).spawn();
  let killer: ReturnType<typeof setTimeout> | undefined;
  const kill = (signal: "SIGINT" | "SIGKILL") => {
    try {
      child.kill(signal);
    } catch {
      // It has ended, and only its output is still read.
    }
  };
  let below: readonly ProcessId[] = [];
  const stop = () => {
    // Before it ends: what it leaves behind has another parent then.
    if (killer === undefined) below = descendants(child.pid);
    kill("SIGINT");
    killer ??= setTimeout(() => kill("SIGKILL"), END_TIMEOUT_MS);
  };
  const stopListening = onSignals(endSignals(), stop);
  options.signal?.addEventListener("abort", stop);
  let output = "";
  const follow = async (name: "stdout" | "stderr") => {
    const decoder = new TextDecoder();
    for await (const bytes of child[name]) {
      output += decoder.decode(bytes, { stream: true });
      options.onOutput?.(bytes, name);
    }
  };
  try {
    await Promise.all([follow("stdout"), follow("stderr")]);
    const { code } = await child.status;
    return { code, output };
  } finally {
    clearTimeout(killer);
    terminate(below);
    options.signal?.removeEventListener("abort", stop);
    stopListening();
  }
}
