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
}

/**
 * Runs the deno that runs us. A signal that ends us ends it first, so that none is left behind.
 */
export async function runDeno(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.env ? { env: options.env } : {}),
  }).spawn();
  const stop = () => child.kill("SIGTERM");
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
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
    Deno.removeSignalListener("SIGTERM", stop);
    Deno.removeSignalListener("SIGINT", stop);
  }
}
