import { tmpdir } from "node:os";
import { join } from "node:path";

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

/** Path of the tiny model that a standby worker loads once; removed by the one that stops it. */
export function standbyModelPath(pid: number): string {
  return join(tmpdir(), `llorch-standby-${pid}.gguf`);
}
