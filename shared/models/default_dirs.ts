import { join } from "node:path";
import { type Env, homeDir } from "../paths.ts";

/** The models folder of services. */
export const SERVICE_MODELS_DIR = "/var/lib/llorch/models";

/** The models folder of a person. */
export function personModelsDir(env: Env): string {
  return join(env("XDG_DATA_HOME") || join(homeDir(env), ".local", "share"), "llorch", "models");
}

/** Folders that are looked through when none is configured. */
export function defaultModelsDirs(env: Env): string[] {
  return [SERVICE_MODELS_DIR, personModelsDir(env)];
}
