import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { findHost } from "../../remote/hosts.ts";
import { runThere } from "../../remote/run_there.ts";

/** `llorch remote exec` */
export async function run({ args }: Invocation<unknown>, context: Context): Promise<number> {
  const [name = "", program = "", ...rest] = args;
  const host = await findHost(name, context);
  return await runThere(name, host, { program, args: rest }, context);
}
