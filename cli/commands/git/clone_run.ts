import { resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { cloneFolder } from "../../git/clone.ts";
import { hideSecrets } from "../../git/failure.ts";
import { talkingGit } from "../../git/git.ts";
import { describeUpdate } from "../../git/render.ts";
import { readStatus } from "../../git/repository.ts";
import { updateSubmodules } from "../../git/update.ts";

/**
 * `llorch git clone`
 *
 * @returns 1 when a submodule could not be fetched; the clone stays then
 */
export async function run(
  { args, options }: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  const [url = "", dir = cloneFolder(url)] = args;
  if (dir === undefined) {
    throw new UsageError(`Cannot name a folder after "${url}": give one as second argument`);
  }
  const quiet = options.quiet;
  const isJson = options.json;
  const { stdout, stderr } = context;
  const git = talkingGit(context, { quiet: quiet || isJson });
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
  } else if (!quiet) stdout.write([path, ...moved].join("\n") + "\n");
  return kept.length === 0 ? EXIT.ok : EXIT.failed;
}
