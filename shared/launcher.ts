import { ENV } from "./defaults.ts";
import type { Env } from "./paths.ts";

/** Time between two looks at who our parent is, in milliseconds. */
const LOOK_MS = 250;

/** Stands for a process id where the launcher cannot name its own. */
const UNNAMED = "parent";

/** What a launcher adds to the environment of a child that must not outlive it. */
export function followUs(): Record<string, string> {
  return { [ENV.launcher]: String(Deno.pid) };
}

/**
 * Resolves with the launcher's process id once it has ended, however it ended: the kernel gives its
 * children another parent then. That is seen without a file of `/proc` and without a permission.
 *
 * Never resolves where nobody asked for it, as for daemons that are services.
 *
 * @param parent Gives the process id of our parent now.
 * @returns `gone`, and `dispose`, which ends the watch
 */
export function watchLauncher(
  env: Env,
  parent: () => number = () => Deno.ppid,
): { readonly gone: Promise<number>; readonly dispose: () => void } {
  const { promise: gone, resolve } = Promise.withResolvers<number>();
  const told = env(ENV.launcher);
  if (!told) return { gone, dispose() {} };
  const launcher = told === UNNAMED ? parent() : Number(told);
  const look = () => {
    if (parent() === launcher) return;
    clearInterval(timer);
    resolve(launcher);
  };
  const timer = setInterval(look, LOOK_MS);
  look();
  return { gone, dispose: () => clearInterval(timer) };
}
