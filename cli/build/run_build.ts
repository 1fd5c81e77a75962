import type { Implementation } from "../command.ts";
import { runTask } from "../checkout/deno.ts";
import { buildArguments } from "./arguments.ts";

/** The code of `llorch build …`: the repository's build task does the work. */
export function buildOf(what: string): Implementation {
  return {
    async run({ args, options }, { cwd }) {
      return await runTask("build", buildArguments([what, ...args], options, cwd), cwd);
    },
  };
}
