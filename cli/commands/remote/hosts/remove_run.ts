import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import type { Invocation } from "../../../command.ts";
import { unsetKey } from "../../../config/edit.ts";
import { configPath } from "../../../config/path.ts";
import { settings } from "../../../config/settings.ts";
import { updateConfig } from "../../../config/update.ts";
import type { Context } from "../../../context.ts";

/** `llorch remote hosts remove` */
export async function run(
  { args, options }: Invocation<{ quiet: boolean }>,
  context: Context,
): Promise<number> {
  const [name = ""] = args;
  const { hosts } = await settings(context);
  const path = configPath(context.env);
  if (!Object.hasOwn(hosts, name)) {
    const near = closest(name, Object.keys(hosts));
    throw new UsageError(
      `There is no host ${name} in ${path}${near ? `; did you mean ${near}?` : ""}`,
    );
  }
  updateConfig(path, (text) => unsetKey(text, ["hosts", name]));
  if (!options.quiet) context.stderr.write(`${name} is no longer in ${path}\n`);
  return EXIT.ok;
}
