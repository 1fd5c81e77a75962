import { join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";

/** The pool manager's own folder, held by this process alone. */
export interface StateDir {
  readonly path: string;
  readonly databasePath: string;
  readonly logsDir: string;
  /** Lets another pool manager have the folder. */
  release(): void;
}

/**
 * Makes the state folder (0700) where it is missing and locks it. The lock is the kernel's, so it
 * goes with the process however that ends.
 *
 * @throws {LlorchError} `CONFLICT` when another pool manager holds the folder, `INTERNAL` when it
 * cannot be written.
 */
export function openStateDir(path: string): StateDir {
  const logsDir = join(path, "logs");
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    Deno.mkdirSync(logsDir, { recursive: true, mode: 0o700 });
    lock = Deno.openSync(join(path, "lock"), { create: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new LlorchError(
      "INTERNAL",
      `Cannot write the state folder ${path}: ${
        errorMessage(error)
      }; choose another with --state-dir`,
      { cause: error },
    );
  }
  if (!lock.tryLockSync(true)) {
    lock.close();
    throw new LlorchError(
      "CONFLICT",
      `Cannot use the state folder ${path}: another pool manager holds it; stop it or choose another with --state-dir`,
    );
  }
  return {
    path,
    databasePath: join(path, "pool.db"),
    logsDir,
    release: () => lock.close(),
  };
}
