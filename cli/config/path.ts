import { isAbsolute, join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { type Env, homeDir } from "#shared/paths.ts";

/**
 * Where the config file of the command line is: `~/.config/llorch/config.toml`.
 *
 * @throws {UsageError} when the home folder is not known. The current folder is never used instead:
 * a file there could name programs to run.
 */
export function configPath(env: Env): string {
  const config = env("XDG_CONFIG_HOME");
  // The XDG specification: a relative path is to be ignored.
  const base = config !== undefined && isAbsolute(config) ? config : join(homeDir(env), ".config");
  if (isAbsolute(base)) return join(base, "llorch", "config.toml");
  throw new UsageError(
    "Cannot tell where your settings are: set HOME, or XDG_CONFIG_HOME, to an absolute path",
  );
}
