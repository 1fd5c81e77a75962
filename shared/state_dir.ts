import { join } from "node:path";
import { errorMessage, LlorchError } from "./errors.ts";

/** A daemon's own folder, held by this process alone. */
export interface StateDir {
  readonly path: string;
  /** Lets another process have the folder. */
  release(): void;
}

/**
 * Makes a daemon's state folder (0700) where it is missing and locks it. The lock is the kernel's, so
 * it goes with the process however that ends.
 *
 * @param daemon Who would hold it, for the message.
 * @throws {LlorchError} `CONFLICT` when another process holds the folder, `INTERNAL` when it cannot be
 * written.
 */
export function openStateDir(path: string, daemon: string): StateDir {
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    lock = Deno.openSync(join(path, "lock"), { create: true, write: true, mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Deno.errors.NotCapable
      ? "nobody may write there"
      : errorMessage(error);
    throw new LlorchError(
      "INTERNAL",
      `Cannot write the state folder ${path}: ${reason}; choose another with --state-dir`,
      { cause: error },
    );
  }
  if (!lock.tryLockSync(true)) {
    lock.close();
    throw new LlorchError(
      "CONFLICT",
      `Cannot use the state folder ${path}: another ${daemon} holds it; stop it or choose another with --state-dir`,
    );
  }
  return { path, release: () => lock.close() };
}
