import { join } from "node:path";
import { ENV } from "./defaults.ts";
import { errorMessage, LlorchError } from "./errors.ts";
import { oneLine } from "./printable.ts";
import { VERSION } from "./version.ts";

/** Most characters of a lock's text that are shown. */
const MAX_HOLDER_CHARS = 200;

/** A daemon's state folder, locked by this process. */
export interface StateDir {
  readonly path: string;
  /** Releases the lock. */
  release(): void;
}

/**
 * Creates a daemon's state folder (0700) if it is missing, and locks it. The kernel releases the
 * lock when the process ends, however it ends.
 *
 * @param daemon Name of the daemon, for messages.
 * @throws {LlorchError} `CONFLICT` with the holder's process id if another process holds the
 * folder, `INTERNAL` if it cannot be written
 */
export function openStateDir(path: string, daemon: string): StateDir {
  const file = join(path, "lock");
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    lock = Deno.openSync(file, { create: true, write: true, mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Deno.errors.NotCapable
      ? "this program may not write there"
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

/** Writes our process id, name and start into the lock, for the message of other processes. */
function nameUs(lock: Deno.FsFile, daemon: string): void {
  const launcher = Deno.env.get(ENV.launcher);
  const words = [
    `process ${Deno.pid}, ${daemon} ${VERSION}, since ${new Date().toISOString()}`,
    ...(launcher ? [`started by process ${Deno.ppid} and ending with it`] : []),
  ];
  try {
    lock.truncateSync();
    lock.writeSync(new TextEncoder().encode(words.join(", ") + "\n"));
  } catch {
    // The lock also holds without its text, for example on a full disk.
  }
}

/** The text in a lock, in parentheses; it is valid only while the lock is held. */
function holderIn(file: string): string {
  try {
    const text = oneLine(Deno.readTextFileSync(file).slice(0, MAX_HOLDER_CHARS).trim());
    return text === "" ? "" : ` (${text})`;
  } catch {
    return "";
  }
}
