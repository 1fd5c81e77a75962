import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { deletablePaths, removeModel } from "../../models/delete.ts";
import { ask } from "../../output/ask.ts";
import { formatBytes } from "../../output/bytes.ts";

/** `llorch models delete` */
export async function run(
  { args, options }: Invocation<{ quiet: boolean; yes: boolean }>,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const { paths, bytes, name } = await deletablePaths(word, context);
  const what = `${name} (${formatBytes(bytes)}: ${paths.join(", ")})`;
  if (!options.yes) {
    if (!context.isInteractive) {
      throw new UsageError(`Cannot ask whether to remove ${what}: add --yes`);
    }
    if (!await ask(`Remove ${what}?`, false, context)) {
      context.stderr.write("Nothing was removed\n");
      return EXIT.failed;
    }
  }
  await removeModel(paths);
  if (!options.quiet) context.stderr.write(`Removed ${what}\n`);
  return EXIT.ok;
}
