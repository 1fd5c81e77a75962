import { BEAT_MS, every } from "./beat.ts";
import { ENV } from "./defaults.ts";
import type { Env } from "./paths.ts";

/** Value for a launcher that does not know its own process id. */
const UNNAMED = "parent";

/** Environment variables for a child that must not outlive this process. */
export function followUs(): Record<string, string> {
  return { [ENV.launcher]: String(Deno.pid) };
}

/**
 * Watches for the end of our launcher, however it ends: the kernel then gives its children another
 * parent, which can be seen without `/proc` and without a permission.
 *
 * Without `LLORCH_LAUNCHER`, as for daemons that run as services, `gone` never resolves.
 *
 * @param parent Returns the process id of our current parent.
 * @returns `gone`, which resolves with the launcher's process id, and `dispose`, which ends the
 * watch
 */
export function watchLauncher(
  env: Env,
  parent: () => number = () => Deno.ppid,
): { readonly gone: Promise<number>; readonly dispose: () => void } {
  const { promise: gone, resolve } = Promise.withResolvers<number>();
  const value = env(ENV.launcher);
  if (!value) return { gone, dispose() {} };
  const launcher = value === UNNAMED ? parent() : Number(value);
  const look = () => {
    if (parent() === launcher) return;
    dispose();
    resolve(launcher);
  };
  const dispose = every(BEAT_MS, look);
  look();
  return { gone, dispose };
}
