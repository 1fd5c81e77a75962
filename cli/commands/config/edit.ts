import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { variableOf } from "../../config/defaults.ts";
import { setKey, unsetKey } from "../../config/edit.ts";
import { coerce, findKey, formatValue } from "../../config/keys.ts";
import { configPath } from "../../config/path.ts";
import { updateConfig } from "../../config/update.ts";
import type { Context } from "../../context.ts";

/** `llorch config set` */
export async function set(
  { args: [key = "", text = ""], options: { quiet } }: Invocation<{ quiet: boolean }>,
  { stderr, env }: Context,
): Promise<number> {
  const found = findKey(key);
  const value = coerce(found, text);
  const path = configPath(env);
  await updateConfig(path, (before) => setKey(before, found.path, value));
  if (!quiet) stderr.write(`Set ${key} to ${formatValue(value)} in ${path}\n`);
  if (env(variableOf(key))) {
    stderr.write(`llorch: ${variableOf(key)} is set too and overrides the file\n`);
  }
  return EXIT.ok;
}

/** `llorch config unset` */
export async function unset(
  { args: [key = ""], options: { quiet } }: Invocation<{ quiet: boolean }>,
  { stderr, env }: Context,
): Promise<number> {
  const found = findKey(key);
  const path = configPath(env);
  const isChanged = await updateConfig(path, (before) => unsetKey(before, found.path));
  if (!quiet) {
    stderr.write(isChanged ? `Removed ${key} from ${path}\n` : `${key} is not in ${path}\n`);
  }
  return EXIT.ok;
}
