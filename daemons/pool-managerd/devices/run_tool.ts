import { deadline, LATE } from "#shared/deadline.ts";
import { signalChild } from "#shared/process.ts";

/** Deadline of a tool, in milliseconds: a driver that hangs must not delay heartbeats. */
const TIMEOUT_MS = 5_000;
const MAX_REASON = 200;

/** Runs a vendor's tool; undefined if it is not installed. */
export type RunTool = (
  name: string,
  args: readonly string[],
) => Promise<{ readonly code: number; readonly output: string } | undefined>;

/** A tool that did not answer in time is not run again for this long, in milliseconds. */
const REST_MS = 30_000;

/**
 * Runs tools of the system. A tool that does not answer in time is killed. It is not run again for
 * a while, nor before it has ended, which a hanging driver may prevent.
 *
 * @throws if a tool does not end in time, or did not the last time
 */
export function createRunTool(timeoutMs = TIMEOUT_MS, restMs = REST_MS): RunTool {
  const resting = new Map<string, { readonly until: number; isGone: boolean }>();
  return async (name, args) => {
    const before = resting.get(name);
    const late = `${name} did not answer within ${timeoutMs} ms`;
    if (before && (!before.isGone || performance.now() < before.until)) throw new Error(late);
    resting.delete(name);
    let child: Deno.ChildProcess;
    try {
      const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
      child = new Deno.Command(name, { args: [...args], ...pipes }).spawn();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    const ended = child.output();
    const result = await deadline(ended, timeoutMs);
    if (result === LATE) {
      const rest = { until: performance.now() + restMs, isGone: false };
      resting.set(name, rest);
      ended.catch(() => {}).finally(() => rest.isGone = true);
      // The tool itself may have ended, while a child of it keeps the output open.
      signalChild(child, "SIGKILL");
      throw new Error(late);
    }
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    return { code: result.code, output: decode(result.stdout) || decode(result.stderr) };
  };
}

/** The tools of this machine. */
export const runTool: RunTool = createRunTool();

/**
 * The output of a tool; undefined if it is not installed.
 *
 * @throws its output, if it failed
 */
export async function toolOutput(
  run: RunTool,
  name: string,
  args: readonly string[],
): Promise<string | undefined> {
  const result = await run(name, args);
  if (result === undefined) return undefined;
  if (result.code === 0) return result.output;
  const reason = result.output.replaceAll(/\s+/g, " ").slice(0, MAX_REASON);
  throw new Error(`${name} ended with code ${result.code}: ${reason}`);
}
