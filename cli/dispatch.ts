import { Command as Program, CommanderError, Option as ProgramOption } from "commander";
import { EXIT } from "#shared/defaults.ts";
import type { Command, Group } from "./command.ts";
import type { Context } from "./context.ts";
import type { Given } from "./options.ts";
import type { Output } from "./output/output.ts";
import { HELP_OPTION, REMOTE_OPTION, VERSION_OPTION } from "./global_options.ts";
import { helpFooter } from "./help.ts";
import { mendMessage } from "./suggest.ts";

/** Columns of a help text, at most. */
const MAX_HELP_WIDTH = 100;

/**
 * Finds the command of a command line and runs it.
 *
 * @returns the exit code
 * @throws what the command throws
 */
export async function dispatch(
  words: readonly string[],
  context: Context,
  root: Group,
): Promise<number> {
  let code: number = EXIT.ok;
  const program = groupProgram(root, [], { root, context, done: (ended) => code = ended });
  program.option(VERSION_OPTION.flags, VERSION_OPTION.summary);
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (error) {
    // Commander has printed the message; wrong usage ends with 2, help with 0.
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

interface Surroundings {
  readonly root: Group;
  readonly context: Context;
  readonly done: (code: number) => void;
}

/** @param parents Names of the groups above, without the program's own. */
function groupProgram(group: Group, parents: readonly string[], about: Surroundings): Program {
  const program = bareProgram(group, parents, about)
    .helpCommand("help [command]", "Show the help of a command");
  const own = group === about.root ? [] : [...parents, group.name];
  for (const member of group.members) {
    program.addCommand(
      member.kind === "group"
        ? groupProgram(member, own, about)
        : commandProgram(member, own, about),
    );
  }
  return program;
}

function commandProgram(
  command: Command,
  parents: readonly string[],
  about: Surroundings,
): Program {
  const program = bareProgram(command, parents, about);
  for (const { name, summary } of command.arguments ?? []) program.argument(name, summary);
  for (const { flags, summary, isHidden = false } of command.options) {
    program.addOption(new ProgramOption(flags, summary).hideHelp(isHidden));
  }
  program.allowExcessArguments(false);
  program.action(async () => {
    const { run } = await command.load();
    const options = program.opts<Given>();
    about.done(await run({ args: program.args, options, root: about.root }, about.context));
  });
  return program;
}

/** Longer lines are hard to read. */
function helpWidth({ width }: Output): number {
  return Math.min(width ?? MAX_HELP_WIDTH, MAX_HELP_WIDTH);
}

function bareProgram(
  member: Command | Group,
  parents: readonly string[],
  { root, context: { stdout, stderr } }: Surroundings,
): Program {
  const path = member === root ? [] : [...parents, member.name];
  return new Program(member.name)
    .description(member.summary)
    .addHelpText("after", helpFooter(member, member === root, stdout.width))
    .helpOption(HELP_OPTION.flags, HELP_OPTION.summary)
    .option(REMOTE_OPTION.flags, REMOTE_OPTION.summary)
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(mendMessage(text, root, path)),
      getOutHelpWidth: () => helpWidth(stdout),
      getErrHelpWidth: () => helpWidth(stderr),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
}
