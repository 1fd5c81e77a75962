import { EXIT } from "#shared/defaults.ts";
import type { Group } from "./command.ts";
import type { Context } from "./context.ts";
import { failureExit } from "./failure.ts";
import { splitRemote } from "./remote/option.ts";

/**
 * Runs one command line; never ends the process.
 *
 * Modules that only some command lines need are loaded on demand, so that commands start fast.
 *
 * @param args Without the program's own name.
 * @param root The commands; all of llorch's by default.
 * @returns the exit code
 */
export async function run(
  args: readonly string[],
  context: Context,
  root?: Group,
): Promise<number> {
  try {
    const { host, args: words } = splitRemote(args);
    if (host !== undefined) return await runRemotely(host, words, context);
    if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
      const { llorchVersion } = await import("./version.ts");
      context.stdout.write(await llorchVersion() + "\n");
      return EXIT.ok;
    }
    const { dispatch } = await import("./dispatch.ts");
    return await dispatch(words, context, root ?? (await import("./commands/mod.ts")).commands);
  } catch (error) {
    return failureExit(error, context);
  }
}

async function runRemotely(
  name: string,
  args: readonly string[],
  context: Context,
): Promise<number> {
  const [{ findHost }, { runThere }] = await Promise.all([
    import("./remote/hosts.ts"),
    import("./remote/run_there.ts"),
  ]);
  const host = await findHost(name, context);
  return await runThere(name, host, { program: host.llorch ?? "llorch", args }, context);
}
