import { join } from "node:path";

/** What the system says about a file. */
export interface FileOwner {
  readonly uid: number | null;
  readonly gid: number | null;
  readonly mode: number | null;
}

/** Bits of a mode that let a group, and everyone, write. */
const GROUP_WRITES = 0o020;
const ALL_WRITE = 0o002;

/** The superuser, who may change any file anyway. */
const ROOT = 0;

/**
 * Why another user could have changed a file that this process runs; undefined if none could.
 *
 * A group may write where nobody else is in it. That is how systems with a umask of 002 make files: each user
 * has a group of their own, with the number of the user. The members of other groups are not known here, and
 * may be everyone (`users`, `staff`).
 *
 * @param user Id of the user of this process.
 */
export function strangerWho({ uid, gid, mode }: FileOwner, user: number): string | undefined {
  // Windows has other rules.
  if (uid === null || gid === null || mode === null) return undefined;
  if (uid !== user && uid !== ROOT) return `it belongs to user ${uid}, not to ${user} or root`;
  if (mode & ALL_WRITE) return "everyone may change it";
  const isOwnGroup = gid === uid || gid === ROOT;
  return mode & GROUP_WRITES && !isOwnGroup ? `group ${gid} may change it` : undefined;
}

/**
 * Why files must not be opened as libraries, and what to do; undefined if they may. A folder counts, too:
 * who may write there can replace a file.
 *
 * @param files Paths in the folder.
 */
export function ownerProblem(
  folder: string,
  files: readonly string[],
  user: number | null = Deno.uid(),
): string | undefined {
  if (user === null) return undefined;
  const paths = ["", ...files.flatMap((file) => [parentOf(file), file])];
  for (const path of new Set(paths)) {
    const at = path === "" ? folder : join(folder, path);
    const reason = strangerWho(Deno.statSync(at), user);
    if (reason === undefined) continue;
    const fix = reason.endsWith("may change it") ? `chmod go-w ${at}` : `chown ${user} ${at}`;
    return `${path === "" ? "the folder" : path} is not safe to open, since ${reason}; ${fix}`;
  }
  return undefined;
}

function parentOf(file: string): string {
  return file.split("/").slice(0, -1).join("/");
}
