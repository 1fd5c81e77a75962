import assert from "node:assert/strict";
import { runProgram } from "#shared/run_program.ts";

/** `PATH` with the folder in which CUDA's packages leave nvcc without telling anybody. */
export function toolPath(): Record<string, string> {
  const cuda = `${Deno.env.get("CUDA_HOME") || "/usr/local/cuda"}/bin`;
  return { PATH: `${Deno.env.get("PATH") ?? "/usr/bin:/bin"}:${cuda}` };
}

/**
 * Runs a tool of the build, and prints what it says.
 *
 * @throws {Error} with the end of that, if it fails
 */
export async function tool(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runProgram({ command, args }, { env: toolPath() });
  console.log(stdout);
  assert.equal(code, 0, `${command} ended with ${code}:\n${stderr.slice(-4000)}`);
}
