import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { switchSubmodules } from "../../../git/branch.ts";
import { systemGit } from "../../../git/git.ts";
import { openRepository } from "../../../git/repository.ts";
import { submodulePaths } from "../../../git/run_update.ts";

/**
 * `llorch git submodules branch`
 *
 * @returns 1 when a submodule had to be left alone
 */
export async function run(
  { args, options }: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  const { stdout, stderr } = context;
  const [branch = "", ...words] = args;
  const git = await openRepository(systemGit(context, context.cwd));
  const { switched, kept } = await switchSubmodules(
    git,
    branch,
    submodulePaths(git, context, words),
  );
  for (const { path, reason } of kept) stderr.write(`llorch: kept ${path}: ${reason}\n`);
  if (options.json) stdout.write(JSON.stringify({ branch, switched, kept }) + "\n");
  else if (!options.quiet) {
    for (const { path, isNew } of switched) {
      stdout.write(`${path}: ${isNew ? "new branch" : "branch"} ${branch}\n`);
    }
  }
  return kept.length === 0 ? EXIT.ok : EXIT.failed;
}
