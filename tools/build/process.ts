/** A command that ended with another code than 0. */
export class CommandError extends Error {
  constructor(command: string, readonly code: number, output: string) {
    super(`${command} ended with code ${code}${output === "" ? "" : `:\n${output}`}`);
    this.name = "CommandError";
  }
}

/** How {@linkcode output} runs. */
export interface OutputOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/**
 * Runs a command to its end and gives its standard output without the last line break.
 *
 * @throws {CommandError} with what it wrote, when it fails
 */
export async function output(
  command: string,
  args: readonly string[],
  options: OutputOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    ...options,
  }).output();
  const text = new TextDecoder().decode(stdout).trimEnd();
  if (code === 0) return text;
  const said = `${text}\n${new TextDecoder().decode(stderr)}`.trim();
  throw new CommandError(`${command} ${args.slice(0, 2).join(" ")}`, code, said);
}
