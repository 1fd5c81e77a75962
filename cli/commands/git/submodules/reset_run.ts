import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { type Git, systemGit } from "../../../git/git.ts";
import { looseCommits } from "../../../git/losses.ts";
import { openRepository, readStatus } from "../../../git/repository.ts";
import { runUpdate, submodulePaths } from "../../../git/run_update.ts";
import { inspectSubmodules } from "../../../git/submodules.ts";

/** `llorch git submodules reset` */
export async function run(
  invocation: Invocation<{ force: boolean; json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  if (!invocation.options.force) {
    const git = await openRepository(systemGit(context, context.cwd));
    await refuseLoss(git, submodulePaths(git, context, invocation.args));
  }
  return await runUpdate(invocation, context, true);
}

/** @throws {LlorchError} when a submodule holds something that a reset would take */
async function refuseLoss(git: Git, paths: readonly string[]): Promise<void> {
  const isChosen = (path: string) =>
    paths.length === 0 || paths.some((each) => path === each || path.startsWith(`${each}/`));
  for (const state of await inspectSubmodules(git)) {
    if (state.missing || !isChosen(state.path)) continue;
    const inside = git.at(join(git.cwd, state.path));
    const loose = await looseCommits(inside, await readStatus(inside));
    if (state.dirty === 0 && (loose.length === 0 || state.commit === state.recorded)) continue;
    throw new LlorchError(
      "CONFLICT",
      `${state.path} has local changes or commits on no branch: ` +
        "look with llorch git submodules status, then commit them or add --force",
    );
  }
}
