import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { unsetKey } from "../../config/edit.ts";
import { findKey } from "../../config/keys.ts";
import { configPath } from "../../config/path.ts";
import { updateConfig } from "../../config/update.ts";
import type { Context } from "../../context.ts";

/** `llorch config unset` */
export function run(
  { args, options }: Invocation<{ quiet: boolean }>,
  { stderr, env }: Context,
): Promise<number> {
  const [key = ""] = args;
  const found = findKey(key);
  const path = configPath(env);
  const isChanged = updateConfig(path, (before) => unsetKey(before, found.path));
  if (!options.quiet) {
    stderr.write(isChanged ? `${key} is no longer in ${path}\n` : `${key} is not in ${path}\n`);
  }
  return Promise.resolve(EXIT.ok);
}
