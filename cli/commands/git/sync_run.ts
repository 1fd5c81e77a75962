import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { runSync } from "../../git/run_sync.ts";

/** `llorch git sync` */
export async function run(invocation: Invocation, context: Context): Promise<number> {
  const force = invocation.options["force"] === true;
  return await runSync(invocation, context, { strict: false, force });
}
