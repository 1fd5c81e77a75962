import { join } from "node:path";
import { ENV } from "./defaults.ts";
import { errorMessage, LlorchError } from "./errors.ts";
import { oneLine } from "./printable.ts";
import { VERSION } from "./version.ts";

/** How much of a lock's text is shown at most, in characters. */
const MAX_HOLDER_CHARS = 200;

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
 * @throws {LlorchError} `CONFLICT` when another process holds the folder, with its process id, `INTERNAL`
 * when it cannot be written.
 */
export function openStateDir(path: string, daemon: string): StateDir {
  const file = join(path, "lock");
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    lock = Deno.openSync(file, { create: true, write: true, mode: 0o600 });
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
      `Cannot use the state folder ${path}: another ${daemon} holds it${holderIn(file)}; ` +
        "stop it or choose another with --state-dir",
    );
  }
  nameUs(lock, daemon);
  return { path, release: () => lock.close() };
}

/** Writes who we are into the lock, for those who find it held. */
function nameUs(lock: Deno.FsFile, daemon: string): void {
  const launcher = Deno.env.get(ENV.launcher);
  const words = [
    `process ${Deno.pid}, ${daemon} ${VERSION}, since ${new Date().toISOString()}`,
    ...(launcher ? [`started by process ${Deno.ppid}, which it ends with`] : []),
  ];
  try {
    lock.truncateSync();
    lock.writeSync(new TextEncoder().encode(words.join(", ") + "\n"));
  } catch {
    // On a full disk the lock holds all the same; it only names nobody.
  }
}

/** What the holder of a lock says of itself. Only while it is held is that true. */
function holderIn(file: string): string {
  try {
    const text = oneLine(Deno.readTextFileSync(file).slice(0, MAX_HOLDER_CHARS).trim());
    return text === "" ? "" : ` (${text})`;
  } catch {
    return "";
  }
}
