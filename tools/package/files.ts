import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

/** A file or link of a package, by its absolute path on the host. */
export interface PackageFile {
  readonly path: string;
  readonly mode: number;
  readonly content:
    | { readonly copyOf: string }
    | { readonly text: string }
    | { readonly bytes: Uint8Array }
    | { readonly linkTo: string };
}

/** A text file with mode 0644. */
export function textFile(path: string, text: string, mode = 0o644): PackageFile {
  return { path, mode, content: { text } };
}

/** A manual or changelog as Debian requires it: compressed, without name and time. */
export function gzippedFile(path: string, text: string): PackageFile {
  return { path: `${path}.gz`, mode: 0o644, content: { bytes: gzipSync(text, { level: 9 }) } };
}

/** A program. */
export function programFile(path: string, copyOf: string): PackageFile {
  return { path, mode: 0o755, content: { copyOf } };
}

/** Writes files below a root; folders have mode 0755, independent of the umask. */
export async function writeFiles(root: string, files: readonly PackageFile[]): Promise<void> {
  await Deno.mkdir(root, { recursive: true });
  await Deno.chmod(root, 0o755);
  for (const { path, mode, content } of files) {
    const at = join(root, path);
    await makeFolder(root, dirname(at));
    if ("linkTo" in content) {
      await Deno.symlink(content.linkTo, at);
      continue;
    }
    if ("copyOf" in content) await Deno.copyFile(content.copyOf, at);
    else if ("text" in content) await Deno.writeTextFile(at, content.text);
    else await Deno.writeFile(at, content.bytes);
    await Deno.chmod(at, mode);
  }
}

async function makeFolder(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  await makeFolder(root, dirname(folder));
  try {
    await Deno.mkdir(folder);
    await Deno.chmod(folder, 0o755);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}
