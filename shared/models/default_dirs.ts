import { isAbsolute, join } from "node:path";
import { type Env, homeDir } from "../paths.ts";

/** The models folder of services. */
export const SERVICE_MODELS_DIR = "/var/lib/llorch/models";

/** The models folder of a person. */
export function personModelsDir(env: Env): string {
  const data = env("XDG_DATA_HOME");
  // The XDG specification says to ignore a relative path.
  const base = data !== undefined && isAbsolute(data)
    ? data
    : join(homeDir(env), ".local", "share");
  return join(base, "llorch", "models");
}

/** The models folders if none are configured. */
export function defaultModelsDirs(env: Env): string[] {
  return [SERVICE_MODELS_DIR, personModelsDir(env)];
}
