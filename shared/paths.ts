import { tmpdir } from "node:os";
import { join } from "node:path";

/** Reads one environment variable. */
export type Env = (name: string) => string | undefined;

/** Where a daemon keeps its state: `$STATE_DIRECTORY` (systemd), else the person's state folder. */
export function defaultStateDir(env: Env, daemon: string): string {
  const service = env("STATE_DIRECTORY");
  if (service) return service;
  const state = env("XDG_STATE_HOME") || join(homeDir(env), ".local", "state");
  return join(state, "llorch", daemon);
}

/** The person's home folder; a relative one where there is none. */
export function homeDir(env: Env): string {
  return env("HOME") ?? env("USERPROFILE") ?? ".";
}

/** Where a worker that stands by keeps the tiny model that it serves once; whoever ends it removes it. */
export function standbyModelPath(pid: number): string {
  return join(tmpdir(), `llorch-standby-${pid}.gguf`);
}
