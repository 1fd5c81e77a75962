/** A driver that hangs must not hang the heartbeat. */
const TIMEOUT_MS = 5_000;
const MAX_REASON = 200;

/** What a vendor's tool printed and how it ended; undefined where there is no such tool. */
export type RunTool = (
  name: string,
  args: readonly string[],
) => Promise<{ readonly code: number; readonly output: string } | undefined>;

/**
 * Runs a tool of the system.
 *
 * @throws when it does not end in time.
 */
export const runTool: RunTool = async (name, args) => {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  let result: Deno.CommandOutput;
  try {
    const command = new Deno.Command(name, { args: [...args], stdin: "null", signal: deadline });
    result = await command.output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (deadline.aborted) throw new Error(`${name} did not answer within ${TIMEOUT_MS} ms`);
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code: result.code, output: decode(result.stdout) || decode(result.stderr) };
};

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
