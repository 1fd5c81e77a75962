import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { runSync } from "../../git/run_sync.ts";

/** `llorch git pull` */
export async function run(
  { options }: Invocation<{ json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  return await runSync(options, context, { strict: true, force: false });
}
