import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import type { Invocation } from "../../command.ts";
import { setKey, unsetKey } from "../../config/edit.ts";
import { coerce, findKey } from "../../config/keys.ts";
import { configPath } from "../../config/path.ts";
import { settings } from "../../config/settings.ts";
import { updateConfig } from "../../config/update.ts";
import type { Context } from "../../context.ts";

/** Options of `llorch remote hosts add`. */
interface HostOptions {
  readonly user: string | undefined;
  readonly port: string | undefined;
  readonly llorch: string | undefined;
  readonly sshArgs: string | undefined;
  readonly quiet: boolean;
}

/**
 * `llorch remote hosts add`
 *
 * @throws {UsageError} if the name is not valid, or exists
 */
export async function addHost(
  { args, options }: Invocation<HostOptions>,
  context: Context,
): Promise<number> {
  const [name = "", address = ""] = args;
  if (!/^\w[\w-]*$/.test(name)) {
    throw new UsageError(`Cannot call a host "${name}": use letters, digits, _ and -`);
  }
  const { hosts } = await settings(context);
  if (Object.hasOwn(hosts, name)) {
    throw new UsageError(
      `The host ${name} already exists; llorch config set hosts.${name}.address changes it`,
    );
  }
  const given: Readonly<Record<string, string | undefined>> = {
    address,
    user: options.user,
    port: options.port,
    llorch: options.llorch,
    args: options.sshArgs,
  };
  const path = configPath(context.env);
  await updateConfig(path, (text) =>
    Object.entries(given).reduce((edited, [field, value]) => {
      if (value === undefined) return edited;
      const key = findKey(`hosts.${name}.${field}`);
      return setKey(edited, key.path, coerce(key, value));
    }, text));
  if (!options.quiet) context.stderr.write(`Added the host ${name}, ${address}, to ${path}\n`);
  return EXIT.ok;
}

/**
 * `llorch remote hosts remove`
 *
 * @throws {UsageError} if there is no such host
 */
export async function removeHost(
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
  await updateConfig(path, (text) => unsetKey(text, ["hosts", name]));
  if (!options.quiet) context.stderr.write(`Removed the host ${name} from ${path}\n`);
  return EXIT.ok;
}
