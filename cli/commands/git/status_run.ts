import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { systemGit } from "../../git/git.ts";
import { countEntries } from "../../git/porcelain.ts";
import { renderStatus, submoduleJson } from "../../git/render.ts";
import { openRepository, readStatus } from "../../git/repository.ts";
import { inspectSubmodules } from "../../git/submodules.ts";
import { painter } from "../../output/paint.ts";

/** `llorch git status` */
export async function run(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const git = await openRepository(systemGit(context, context.cwd));
  const [status, submodules] = await Promise.all([readStatus(git), inspectSubmodules(git)]);
  if (!options.json) {
    context.stdout.write(
      renderStatus(status, submodules, painter(context.stdout, context), context.stdout.width),
    );
    return EXIT.ok;
  }
  const { head, branch, upstream, difference, stashes, entries } = status;
  context.stdout.write(
    JSON.stringify({
      root: git.cwd,
      branch: branch ?? null,
      detached: branch === undefined,
      commit: head ?? null,
      upstream: upstream ?? null,
      ahead: difference?.ahead ?? null,
      behind: difference?.behind ?? null,
      ...countEntries(entries),
      stashes,
      files: entries.map(({ path, kind, index, worktree }) => ({ path, kind, index, worktree })),
      submodules: submodules.map(submoduleJson),
    }) + "\n",
  );
  return EXIT.ok;
}
