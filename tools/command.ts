import { signalChild } from "#shared/process.ts";
import { endSignals, onSignals } from "#shared/signals.ts";

import { descendants, type ProcessId, terminate } from "./process_tree.ts";

/** Result of a command. */
export interface Outcome {
  readonly code: number;
  /** Standard output and standard error, in the order of arrival. */
  readonly output: string;
}

/** Options of {@linkcode runDeno}. */
export interface RunOptions {
  /** Called with the output as it arrives. */
  readonly onOutput?: (bytes: Uint8Array, stream: "stdout" | "stderr") => void;
  readonly env?: Record<string, string>;
  /** Whether `env` replaces our environment instead of adding to it. */
  readonly clearEnv?: boolean;
  /** Interrupts the command. */
  readonly signal?: AbortSignal;
}

/** How long a command may take to end after an interrupt, in milliseconds. */
const END_TIMEOUT_MS = 10_000;

/**
 * Runs our own deno. A signal that ends us is passed on first, so that no child process is left;
 * `deno test` then names the tests that were running.
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
  const kill = (signal: "SIGINT" | "SIGKILL") => signalChild(child, signal);
  let below: readonly ProcessId[] = [];
  const stop = () => {
    // Before it ends, since its children have another parent afterwards.
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
