import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ENV } from "./defaults.ts";

/** Reads one environment variable. */
export type Env = (name: string) => string | undefined;

/** A daemon's state folder: `$STATE_DIRECTORY` (systemd), otherwise the user's state folder. */
export function defaultStateDir(env: Env, daemon: string): string {
  const service = env("STATE_DIRECTORY");
  if (service) return service;
  const state = env("XDG_STATE_HOME") || join(homeDir(env), ".local", "state");
  return join(state, "llorch", daemon);
}

/** The user's home folder; `.` if there is none. */
export function homeDir(env: Env): string {
  return env("HOME") ?? env("USERPROFILE") ?? ".";
}

/**
 * Where executables unpack what they carry: `LLORCH_RUNTIME_DIR`, otherwise in the user's cache folder, as
 * the launcher of portable ones has it. Undefined if neither is known.
 */
export function runtimeDir(env: Env): string | undefined {
  const named = env(ENV.runtimeDir);
  if (named) return resolve(named);
  const home = env("HOME");
  const cache = env("XDG_CACHE_HOME") || (home && join(home, ".cache"));
  return cache ? resolve(cache, "llorch", "runtime") : undefined;
}

/** Path of the tiny model that a standby worker loads once; removed by the one that stops it. */
export function standbyModelPath(pid: number): string {
  return join(tmpdir(), `llorch-standby-${pid}.gguf`);
}
