import { join } from "node:path";
import { openStateDir, type StateDir } from "#shared/state_dir.ts";

/** The pool manager's state folder, locked by this process. */
export interface PoolStateDir extends StateDir {
  readonly databasePath: string;
  readonly logsDir: string;
  /** Folder of saved slots; made only if slots are saved. */
  readonly slotsDir: string;
}

/**
 * Opens the state folder and the folders in it.
 *
 * @throws {LlorchError} as {@linkcode openStateDir}
 */
export function openPoolStateDir(path: string): PoolStateDir {
  const dir = openStateDir(path, "pool manager");
  const logsDir = join(path, "logs");
  Deno.mkdirSync(logsDir, { recursive: true, mode: 0o700 });
  return { ...dir, databasePath: join(path, "pool.db"), logsDir, slotsDir: join(path, "slots") };
}
