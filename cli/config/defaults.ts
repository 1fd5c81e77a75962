import { LOOPBACK, PORTS } from "#shared/defaults.ts";
import { personModelsDir } from "#shared/models/default_dirs.ts";
import type { Env } from "#shared/paths.ts";

/**
 * Every key that has a variable of its own (`LLORCH_POOL_URL`); the schema says what each means.
 */
export const KEY_NAMES = [
  "orchestrator.url",
  "orchestrator.token_file",
  "orchestrator.ca_file",
  "pool.url",
  "pool.token_file",
  "pool.ca_file",
  "models.dir",
] as const;

/** A key that has a variable of its own. */
export type KeyName = typeof KEY_NAMES[number];

/** The default value of a key; undefined when it has none. */
export function defaultValue(key: string, env: Env): string | undefined {
  switch (key) {
    case "orchestrator.url":
      return `http://${LOOPBACK}:${PORTS.orchestratord}`;
    case "pool.url":
      return `http://${LOOPBACK}:${PORTS.poolManagerd}`;
    case "models.dir":
      return personModelsDir(env);
    default:
      return undefined;
  }
}

/** `pool.url` as an environment variable: `LLORCH_POOL_URL`. */
export function variableOf(key: string): string {
  return "LLORCH_" + key.replaceAll(".", "_").toUpperCase();
}
