/** Most of a tool's last words that an error repeats, in characters. */
const END = 4_000;

/** `PATH` with the folder in which CUDA's packages leave nvcc without telling anybody. */
export function toolPath(): Record<string, string> {
  const cuda = `${Deno.env.get("CUDA_HOME") || "/usr/local/cuda"}/bin`;
  return { PATH: `${Deno.env.get("PATH") ?? "/usr/bin:/bin"}:${cuda}` };
}

/**
 * Runs a tool of the build. What it says is passed on at once: a build that runs out of time is killed, and
 * then nobody could print it afterwards.
 *
 * @throws {Error} with the end of what it said on stderr, if it fails
 */
export async function tool(command: string, args: readonly string[]): Promise<void> {
  const child = new Deno.Command(command, {
    args: [...args],
    env: toolPath(),
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let end = "";
  for await (const bytes of child.stderr) {
    await Deno.stderr.write(bytes);
    end = (end + decoder.decode(bytes, { stream: true })).slice(-END);
  }
  const { code } = await child.status;
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${end.trim()}`);
}
