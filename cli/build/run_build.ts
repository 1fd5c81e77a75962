import type { Run } from "../command.ts";
import { runTask } from "../checkout/deno.ts";
import { buildArguments, imageArguments } from "./arguments.ts";
import type { BuildOptions, ImageOptions } from "./options.ts";

/** Makes the code of `llorch build …`, which runs the repository's build task. */
export function buildOf(what: string): Run<Partial<BuildOptions>> {
  return async ({ args, options }, { cwd }) =>
    await runTask("build", buildArguments([what, ...args], options, cwd), cwd);
}

/** `llorch build image`, which runs the repository's image task. */
export const buildImage: Run<Partial<ImageOptions>> = async ({ args, options }, { cwd }) =>
  await runTask("image", imageArguments(args[0] ?? "", options, cwd), cwd);
