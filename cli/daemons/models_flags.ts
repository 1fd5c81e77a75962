import type { Invocation } from "../command.ts";
import type { Context } from "../context.ts";
import { searchDirs } from "../models/installed.ts";

/** A pool manager's config file where none is named. */
const SYSTEM_CONFIG = "/etc/llorch/pool-manager.toml";

/**
 * The flag that makes a pool manager started for development use the folders of `llorch models
 * list`. None when flags, a variable or a config file may set them.
 */
export async function modelsFlags(
  { args, options }: Invocation<{ config: string | undefined }>,
  context: Context,
): Promise<string[]> {
  const isSet = options.config !== undefined ||
    Boolean(context.env("LLORCH_MODELS_DIRS")) ||
    args.some((arg) => /^(--models-dirs|--config|-c)(=|$)/.test(arg));
  if (isSet || await isThere(SYSTEM_CONFIG)) return [];
  const dirs = await searchDirs(context);
  return [`--models-dirs=${dirs.join(",")}`];
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
