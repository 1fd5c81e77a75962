import type { Invocation } from "../../command.ts";
import { runTask } from "../../checkout/deno.ts";
import type { Context } from "../../context.ts";

/** `llorch dev check` */
export async function run(_invocation: Invocation<unknown>, { cwd }: Context): Promise<number> {
  return await runTask("check", [], cwd);
}
