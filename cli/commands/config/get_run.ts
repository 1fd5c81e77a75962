import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { readEffective, withLines } from "../../config/effective.ts";
import { findKey, formatValue } from "../../config/keys.ts";
import type { Context } from "../../context.ts";

/** `llorch config get` */
export async function run({ args, options }: Invocation, context: Context): Promise<number> {
  const [key = ""] = args;
  findKey(key);
  const entries = await withLines(await readEffective(context.env));
  const entry = entries.find((each) => each.key === key);
  if (entry === undefined) {
    context.stderr.write(`llorch: ${key} is not set; llorch config set ${key} VALUE sets it\n`);
    return EXIT.failed;
  }
  context.stdout.write(
    (options["json"] === true ? JSON.stringify(entry) : formatValue(entry.value)) + "\n",
  );
  return EXIT.ok;
}
