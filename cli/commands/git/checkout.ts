import { resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { cloneFolder } from "../../git/clone.ts";
import { hideSecrets } from "../../git/failure.ts";
import { systemGit, talkingGit } from "../../git/git.ts";
import { countEntries } from "../../git/porcelain.ts";
import { describeUpdate, renderStatus, submoduleJson } from "../../git/render.ts";
import { openRepository, readStatus } from "../../git/repository.ts";
import { runSync } from "../../git/run_sync.ts";
import { inspectSubmodules } from "../../git/submodules.ts";
import { updateSubmodules } from "../../git/update.ts";
import { painter } from "../../output/paint.ts";

/** `llorch git status` */
export async function status(
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

/** `llorch git pull` */
export async function pull(
  { options }: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  return await runSync(options, context, { strict: true, force: false });
}

/** `llorch git sync` */
export async function sync(
  { options }: Invocation<{ force: boolean; json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  return await runSync(options, context, { strict: false, force: options.force });
}

/**
 * `llorch git clone`
 *
 * @returns 1 when a submodule could not be fetched; the clone stays then
 * @throws {UsageError} if no folder is given and the URL does not end in a name
 */
export async function clone(
  { args, options }: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  const [url = "", dir = cloneFolder(url)] = args;
  if (dir === undefined) {
    throw new UsageError(
      `Cannot derive a folder name from "${url}": give one as the second argument`,
    );
  }
  const { quiet: isQuiet, json: isJson } = options;
  const { stdout, stderr } = context;
  const git = talkingGit(context, { quiet: isQuiet || isJson });
  const path = resolve(context.cwd, dir);
  await git.talk(["clone", "--progress", "--no-recurse-submodules", "--", url, path]);

  const inside = git.at(path);
  const submodules = await updateSubmodules(inside, { force: false, paths: [], onLoss() {} });
  const { branch, head } = await readStatus(inside);
  const { moved, kept } = describeUpdate(submodules);
  for (const line of kept) stderr.write(`llorch: ${line}\n`);
  if (isJson) {
    const facts = { path, url: hideSecrets(url), branch: branch ?? null, commit: head ?? null };
    stdout.write(JSON.stringify({ ...facts, submodules }) + "\n");
  } else if (!isQuiet) stdout.write([path, ...moved].join("\n") + "\n");
  return kept.length === 0 ? EXIT.ok : EXIT.failed;
}
