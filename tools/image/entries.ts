/** A file, folder or link of a layer. Times are not kept: every entry gets the same. */
export type Entry = Owned & (FolderEntry | FileEntry | LinkEntry);

interface Owned {
  /** From the root, without a slash at the beginning or end. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** User and group. @default 0 */
  readonly owner?: number;
}

/** A folder. */
export interface FolderEntry {
  readonly kind: "folder";
}

/** A file with its content, or with the path of it on this machine. */
export interface FileEntry {
  readonly kind: "file";
  readonly content: Uint8Array | { readonly copyOf: string };
}

/** A symbolic link. */
export interface LinkEntry {
  readonly kind: "link";
  readonly to: string;
}

/** A text file. */
export function textEntry(path: string, text: string, mode = 0o644): Entry {
  return { path, mode, kind: "file", content: new TextEncoder().encode(text) };
}

/** A folder for everybody to read. */
export function folderEntry(path: string, mode = 0o755, owner = 0): Entry {
  return { path, mode, owner, kind: "folder" };
}

/** A file of this machine. */
export function copyEntry(path: string, copyOf: string, mode: number): Entry {
  return { path, mode, kind: "file", content: { copyOf } };
}

/** A symbolic link. */
export function linkEntry(path: string, to: string): Entry {
  return { path, mode: 0o777, kind: "link", to };
}

/**
 * Entries in the order of a layer: each path once, the last one given, after its folders, which are added
 * where they are missing.
 *
 * @throws {Error} if a path is a folder and something else
 */
export function inOrder(entries: Iterable<Entry>): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    const before = byPath.get(entry.path);
    if (before && (before.kind === "folder") !== (entry.kind === "folder")) {
      throw new Error(
        `Cannot put ${entry.path} into a layer as a ${before.kind} and a ${entry.kind}`,
      );
    }
    byPath.set(entry.path, entry);
  }
  for (const { path } of [...byPath.values()]) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const folder = path.slice(0, at);
      if (!byPath.has(folder)) byPath.set(folder, folderEntry(folder));
    }
  }
  // By code unit, so that the order is the same in every locale; a folder comes before what is in it.
  return [...byPath.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}
