import { UsageError } from "#shared/lifecycle.ts";
import type { HostConfig } from "../config/schema.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";

/**
 * The host with a name: one of the config file, otherwise a name that ssh itself resolves.
 *
 * @throws {UsageError} for a name that ssh would take for an option
 */
export async function findHost(name: string, context: Context): Promise<HostConfig> {
  const { hosts } = await settings(context);
  if (Object.hasOwn(hosts, name)) return hosts[name]!;
  if (/^-|\s/.test(name) || name === "") {
    throw new UsageError(`Cannot use "${name}" as a host: it must be one word without a leading -`);
  }
  return { address: name };
}
