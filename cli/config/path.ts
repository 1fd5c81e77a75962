import { isAbsolute, join } from "node:path";
import { type Env, homeDir } from "#shared/paths.ts";

/** Where the config file of the command line is: `~/.config/llorch/config.toml`. */
export function configPath(env: Env): string {
  const config = env("XDG_CONFIG_HOME");
  // The XDG specification: a relative path is to be ignored.
  const base = config !== undefined && isAbsolute(config) ? config : join(homeDir(env), ".config");
  return join(base, "llorch", "config.toml");
}
