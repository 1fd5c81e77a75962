import type { Run } from "../command.ts";
import { runTask } from "../checkout/deno.ts";
import { buildArguments } from "./arguments.ts";
import type { BuildOptions } from "./options.ts";

/** Makes the code of `llorch build …`, which runs the repository's build task. */
export function buildOf(what: string): Run<Partial<BuildOptions>> {
  return async ({ args, options }, { cwd }) =>
    await runTask("build", buildArguments([what, ...args], options, cwd), cwd);
}
