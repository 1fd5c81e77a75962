import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { variableOf } from "../../config/defaults.ts";
import { setKey } from "../../config/edit.ts";
import { coerce, findKey, formatValue } from "../../config/keys.ts";
import { configPath } from "../../config/path.ts";
import { updateConfig } from "../../config/update.ts";
import type { Context } from "../../context.ts";

/** `llorch config set` */
export function run(
  { args, options }: Invocation<{ quiet: boolean }>,
  { stderr, env }: Context,
): Promise<number> {
  const [key = "", text = ""] = args;
  const found = findKey(key);
  const value = coerce(found, text);
  const path = configPath(env);
  updateConfig(path, (before) => setKey(before, found.path, value));
  if (!options.quiet) stderr.write(`${key} is ${formatValue(value)} in ${path}\n`);
  if (env(variableOf(key))) {
    stderr.write(`llorch: ${variableOf(key)} is set as well and goes before the file\n`);
  }
  return Promise.resolve(EXIT.ok);
}
