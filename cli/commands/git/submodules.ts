import { join } from "node:path";
import { columns } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { switchSubmodules } from "../../git/branch.ts";
import { hideSecrets } from "../../git/failure.ts";
import { type Git, systemGit } from "../../git/git.ts";
import { looseCommits } from "../../git/losses.ts";
import { renderSubmodules, shortHash, submoduleJson } from "../../git/render.ts";
import { openRepository, readStatus } from "../../git/repository.ts";
import { runUpdate, submodulePaths } from "../../git/run_update.ts";
import { inspectSubmodules, listSubmodules } from "../../git/submodules.ts";
import { painter } from "../../output/paint.ts";

/** `llorch git submodules list` */
export async function list(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const { stdout, stderr } = context;
  const git = await openRepository(systemGit(context, context.cwd));
  const submodules = (await listSubmodules(git)).map(({ path, url, recorded }) => ({
    path,
    recorded: recorded ?? null,
    url: url === undefined ? null : hideSecrets(url),
  }));
  if (options.json) stdout.write(JSON.stringify({ submodules }) + "\n");
  else if (submodules.length === 0) stderr.write("There are no submodules\n");
  else {
    const rows = submodules.map(({ path, recorded, url }) => [
      path,
      shortHash(recorded ?? undefined),
      url ?? "-",
    ]);
    stdout.write(
      columns([["submodule", "recorded", "url"], ...rows], { width: stdout.width }).join("\n") +
        "\n",
    );
  }
  return EXIT.ok;
}

/** `llorch git submodules status` */
export async function status(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const { stdout, stderr } = context;
  const states = await inspectSubmodules(
    await openRepository(systemGit(context, context.cwd)),
  );
  if (options.json) {
    stdout.write(JSON.stringify({ submodules: states.map(submoduleJson) }) + "\n");
  } else if (states.length === 0) stderr.write("There are no submodules\n");
  else stdout.write(renderSubmodules(states, painter(stdout, context), stdout.width));
  return EXIT.ok;
}

/** `llorch git submodules update` */
export async function update(
  invocation: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  return await runUpdate(invocation, context, false);
}

/**
 * `llorch git submodules branch`
 *
 * @returns 1 when a submodule had to be left alone
 */
export async function branch(
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

/** `llorch git submodules reset` */
export async function reset(
  invocation: Invocation<{ force: boolean; json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  if (!invocation.options.force) {
    const git = await openRepository(systemGit(context, context.cwd));
    await refuseLoss(git, submodulePaths(git, context, invocation.args));
  }
  return await runUpdate(invocation, context, true);
}

/** @throws {LlorchError} when a submodule has work that a reset would throw away */
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
        "see llorch git submodules status, then commit them or add --force",
    );
  }
}
