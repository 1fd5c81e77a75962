import { dirname, join } from "node:path";

/** What the system says about a file. */
export interface FileOwner {
  readonly uid: number | null;
  readonly gid: number | null;
  readonly mode: number | null;
}

/** Bits of a mode that let a group, and everyone, write. */
const GROUP_WRITES = 0o020;
const ALL_WRITE = 0o002;

/** Bit of a folder's mode that lets only the owner of an entry replace it, and the folder's owner. */
const STICKY = 0o1000;

/** Owner of what belongs to a user that a user namespace does not have, such as the root outside of it. */
const UNKNOWN_USER = 65_534;

/** Group on macOS of those who may become root. */
const MAC_ADMINS = 80;

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
 * Why another user could put another folder in the place of one below this one; undefined if none could.
 *
 * As for sshd's StrictModes, but for folders like `/tmp`: there, nobody can replace what belongs to the
 * user or to root, which the folder below is checked for.
 */
export function strangerAbove(
  owner: FileOwner,
  user: number,
  os = Deno.build.os,
): string | undefined {
  const { uid, gid, mode } = owner;
  if (mode !== null && mode & STICKY && (uid === user || uid === ROOT)) return undefined;
  return strangerWho({
    uid: uid === UNKNOWN_USER ? ROOT : uid,
    gid: os === "darwin" && gid === MAC_ADMINS ? ROOT : gid,
    mode,
  }, user);
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
    const what = path === "" ? "the folder" : path;
    return `${what} is not safe to open, since ${reason}; ${fixOf(reason, at, user)}`;
  }
  return undefined;
}

/**
 * Why a folder must not be used because of one above it, and what to do; undefined if it may: who may write
 * there can replace the folder.
 */
export function problemAbove(
  folder: string,
  user: number | null = Deno.uid(),
): string | undefined {
  if (user === null) return undefined;
  for (const at of foldersAbove(folder)) {
    const reason = strangerAbove(Deno.statSync(at), user);
    if (reason === undefined) continue;
    return `the folder is not safe to open, since it is in ${at}: ${reason}; ` +
      fixOf(reason, at, user);
  }
  return undefined;
}

function fixOf(reason: string, path: string, user: number): string {
  return reason.endsWith("may change it") ? `chmod go-w ${path}` : `chown ${user} ${path}`;
}

/** The folders above one, by its name and where links lead to, the nearest first. */
function foldersAbove(folder: string): string[] {
  const above = new Set<string>();
  for (const path of [folder, Deno.realPathSync(folder)]) {
    for (let at = dirname(path); !above.has(at); at = dirname(at)) above.add(at);
  }
  return [...above];
}

function parentOf(file: string): string {
  return file.split("/").slice(0, -1).join("/");
}
