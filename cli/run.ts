import { Command as Program, CommanderError } from "commander";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import type { Command, Example, Group, Options } from "./command.ts";
import { commands } from "./commands/mod.ts";
import type { Context } from "./context.ts";
import { columns } from "./output/columns.ts";

/**
 * Runs one command line; never ends the process.
 *
 * @param args Without the program's own name.
 * @returns the exit code
 */
export async function run(
  args: readonly string[],
  context: Context,
  root: Group = commands,
): Promise<number> {
  let code: number = EXIT.ok;
  const program = groupProgram(root, context, (done) => code = done);
  program.version(`llorch ${VERSION}`, "-V, --version", "Show the version");
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return commanderExit(error);
    if (context.signal.aborted) return EXIT.interrupted;
    return failureExit(error, context);
  }
}

/** Commander has said what there is to say; wrong usage ends with 2, help and version with 0. */
function commanderExit(error: CommanderError): number {
  return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}

function failureExit(error: unknown, { stderr }: Context): number {
  stderr.write(`llorch: ${errorMessage(error)}\n`);
  if (error instanceof UsageError) return EXIT.usage;
  const isExpected = error instanceof LlorchError;
  if (!isExpected && error instanceof Error && error.stack) stderr.write(`${error.stack}\n`);
  return EXIT.failed;
}

type Done = (code: number) => void;

function groupProgram(group: Group, context: Context, done: Done): Program {
  const program = bareProgram(group, context)
    .helpCommand("help [command]", "Show the help of a command");
  for (const member of group.members) {
    const sub = member.kind === "group"
      ? groupProgram(member, context, done)
      : commandProgram(member, context, done);
    program.addCommand(sub);
  }
  return program;
}

function commandProgram(command: Command, context: Context, done: Done): Program {
  const program = bareProgram(command, context);
  for (const { name, summary } of command.arguments ?? []) program.argument(name, summary);
  for (const { flags, summary } of command.options) program.option(flags, summary);
  program.allowExcessArguments(false);
  program.action(async () => {
    const { run } = await command.load();
    done(await run({ args: program.args, options: program.opts<Options>() }, context));
  });
  return program;
}

function bareProgram(
  { name, summary, examples = [] }: Command | Group,
  context: Context,
): Program {
  const { stdout, stderr } = context;
  return new Program(name)
    .description(summary)
    .addHelpText("after", examplesText(examples))
    .helpOption("-h, --help", "Show this help")
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "llorch: ")),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
}

function examplesText(examples: readonly Example[]): string {
  if (examples.length === 0) return "";
  const lines = columns(examples.map(({ line, summary }) => [`  llorch ${line}`, summary]));
  return ["", "Examples:", ...lines].join("\n");
}
