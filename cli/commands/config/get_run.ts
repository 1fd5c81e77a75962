import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { readEffective } from "../../config/effective.ts";
import { findKey, formatValue } from "../../config/keys.ts";
import type { Context } from "../../context.ts";

/** `llorch config get` */
export function run(
  { args, options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const [key = ""] = args;
  findKey(key);
  const entry = readEffective(context.env).entries.find((each) => each.key === key);
  if (entry === undefined) {
    context.stderr.write(`llorch: ${key} is not set; llorch config set ${key} VALUE sets it\n`);
    return Promise.resolve(EXIT.failed);
  }
  context.stdout.write(
    (options.json ? JSON.stringify(entry) : formatValue(entry.value)) + "\n",
  );
  return Promise.resolve(EXIT.ok);
}
