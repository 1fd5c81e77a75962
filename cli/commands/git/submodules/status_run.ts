import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { systemGit } from "../../../git/git.ts";
import { renderSubmodules, submoduleJson } from "../../../git/render.ts";
import { openRepository } from "../../../git/repository.ts";
import { inspectSubmodules } from "../../../git/submodules.ts";
import { painter } from "../../../output/paint.ts";

/** `llorch git submodules status` */
export async function run(
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
