import { relative, resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../command.ts";
import type { Context } from "../context.ts";
import { type Git, talkingGit } from "./git.ts";
import { describeUpdate } from "./render.ts";
import { lossReporter } from "./report.ts";
import { openRepository } from "./repository.ts";
import { updateSubmodules } from "./update.ts";

/**
 * The code of `submodules update` and `submodules reset`: moves submodules and prints the result.
 *
 * @returns 1 when a submodule had to be left alone
 */
export async function runUpdate(
  { args, options: { json, quiet } }: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
  force: boolean,
): Promise<number> {
  const { stdout, stderr } = context;
  const git = await openRepository(
    talkingGit(context, { quiet: quiet || json }),
  );
  const losses = lossReporter(stderr);
  const paths = submodulePaths(git, context, args);
  const update = await updateSubmodules(git, { force, paths, onLoss: losses.onLoss });
  const { moved, kept } = describeUpdate(update);
  for (const line of kept) stderr.write(`llorch: ${line}\n`);
  if (json) {
    stdout.write(JSON.stringify({ ...update, lost: losses.all }) + "\n");
  } else if (!quiet) {
    stdout.write((moved.length === 0 ? ["nothing to move"] : moved).join("\n") + "\n");
  }
  return kept.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Paths as the user wrote them, relative to the current folder, as paths from the root. */
export function submodulePaths(
  git: Git,
  { cwd }: Context,
  args: readonly string[],
): readonly string[] {
  // Git gives its root with links resolved.
  const here = Deno.realPathSync(cwd);
  return args.map((arg) => relative(git.cwd, resolve(here, arg)).replaceAll("\\", "/"));
}
