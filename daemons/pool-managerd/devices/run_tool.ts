import { deadline, LATE } from "#shared/deadline.ts";
import { signalChild } from "#shared/process.ts";

/** A driver that hangs must not hang the heartbeat. */
const TIMEOUT_MS = 5_000;
const MAX_REASON = 200;

/** What a vendor's tool printed and how it ended; undefined where there is no such tool. */
export type RunTool = (
  name: string,
  args: readonly string[],
) => Promise<{ readonly code: number; readonly output: string } | undefined>;

/** A tool that did not answer in time is left alone for so long. */
const REST_MS = 30_000;

/**
 * Runs tools of the system. One that does not answer in time is killed and not run again for a while,
 * nor as long as it is still there: a driver that hangs may keep it from dying.
 *
 * @throws when a tool does not end in time, or rests.
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
      // It may have ended, and what it started holds its output.
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
 * What a tool printed; undefined where there is no such tool.
 *
 * @throws when it failed, with what it said.
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
