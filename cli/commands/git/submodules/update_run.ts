import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { runUpdate } from "../../../git/run_update.ts";

/** `llorch git submodules update` */
export async function run(
  invocation: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  return await runUpdate(invocation, context, false);
}
