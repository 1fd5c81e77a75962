/** A command that ended with an exit code other than 0. */
export class CommandError extends Error {
  constructor(command: string, readonly code: number, output: string) {
    super(`${command} ended with code ${code}${output === "" ? "" : `:\n${output}`}`);
    this.name = "CommandError";
  }
}

/** Options of {@linkcode run}. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/**
 * Runs a command to its end.
 *
 * @returns its output, without the last line break
 * @throws {CommandError} with its output, if it fails
 */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const outcome = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    ...options,
  }).output();
  const stdout = new TextDecoder().decode(outcome.stdout).trimEnd();
  const stderr = new TextDecoder().decode(outcome.stderr).trimEnd();
  if (outcome.code === 0) return { stdout, stderr };
  const said = `${stdout}\n${stderr}`.trim();
  throw new CommandError(`${command} ${args.slice(0, 2).join(" ")}`, outcome.code, said);
}

/** Like {@linkcode run}, but returns only the standard output. */
export async function output(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return (await run(command, args, options)).stdout;
}
